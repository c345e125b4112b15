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
      const roster = Roster.open(folder, [1]);
      roster.onTaken();
      expect(roster.departed).toEqual([]);
      return roster.holder;
    });
    expect(new Set(holders).size).toBe(3);
  });

  it('that are gone stay on record until their leases are released', () => {
    const folder = aFolder();
    Roster.open(folder, [1]).onTaken();
    const file = join(folder, 'cluster.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), holder: 4711, departed: [42] }));
    const first = Roster.open(folder, [1]);
    expect(first.departed).toEqual([42, 4711]);
    first.onTaken();
    // It ended before it could release anything.
    const second = Roster.open(folder, [1]);
    expect(second.departed).toEqual([42, 4711]);
    second.onReleased([42, 4711]);
    expect(Roster.open(folder, [1]).departed).toEqual([]);
  });
});
