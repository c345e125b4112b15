import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Roster } from '../../src/cluster/roster.ts';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-roster-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('the holders of a folder', () => {
  it('do not include this process among those that are gone, however often it opens the folder', () => {
    const folder = aFolder();
    const holders = [1, 2, 3].map(() => {
      using roster = Roster.open(folder, [1]);
      roster.onTaken();
      expect(roster.departed).toEqual([]);
      return roster.holder;
    });
    expect(new Set(holders).size).toBe(3);
    // The next process must know all of them.
    const { holder, departed } = JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8'));
    expect([...departed, holder]).toEqual(holders);
  });

  it('that are gone stay on record until their leases are released', () => {
    const folder = aFolder();
    const opened = <T>(use: (roster: Roster) => T): T => {
      using roster = Roster.open(folder, [1]);
      return use(roster);
    };
    opened((roster) => roster.onTaken());
    const file = join(folder, 'cluster.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), holder: 4711, departed: [42] }));
    const departed = opened((first) => {
      first.onTaken();
      return first.departed;
    });
    expect(departed).toEqual([42, 4711]);
    // It ended before it could release anything.
    opened((second) => {
      expect(second.departed).toEqual([42, 4711]);
      second.onReleased([42, 4711]);
    });
    expect(opened((third) => third.departed)).toEqual([]);
  });
});

describe('a folder that is open', () => {
  const inUse = expect.objectContaining({
    code: 'STORAGE_IN_USE',
    message: expect.stringMatching(/^The data folder .* is in use by another cluster, .* or close that cluster first\./),
  });

  it('is not opened again before it is closed, so that nobody takes its holder for gone', () => {
    const folder = aFolder();
    const first = Roster.open(folder, [1]);
    expect(() => Roster.open(folder, [1])).toThrow(inUse);
    first[Symbol.dispose]();
    using _second = Roster.open(folder, [1]);
    expect(() => Roster.open(folder, [1])).toThrow(inUse);
  });

  it('is not written any more once it is closed', () => {
    const folder = aFolder();
    const first = Roster.open(folder, [1]);
    first[Symbol.dispose]();
    using second = Roster.open(folder, [1]);
    second.add([2]);
    first.add([3]);
    expect(JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8'))).toMatchObject({ nodes: [1, 2] });
  });

  it('is free again when it could not be opened', () => {
    const folder = aFolder();
    Roster.open(folder, [1])[Symbol.dispose]();
    expect(() => Roster.open(folder, [7])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    using _roster = Roster.open(folder, [1]);
  });
});
