import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lightFigures } from '../../eval/bench/light-load.ts';
import type { ScheduledAdd } from '../../eval/bench/open-loop.ts';

// Its thread is a file of the build.
const { SyncedEcho }: typeof import('../../eval/bench/synced-echo.ts') = await import(
  new URL('../../dist/eval/bench/synced-echo.js', import.meta.url).href
);

const NAMES = { name: 'add', floor: 'floor' };
const addsOf = (count: number, latencyMs: (at: number) => number): ScheduledAdd[] =>
  Array.from({ length: count }, (_, at) => ({ intendedMs: at, acknowledgedMs: at + latencyMs(at) }));

describe('the figures of a light load', () => {
  it('are the percentiles of both, and their ratio', () => {
    const adds = addsOf(10_000, (at) => (at % 50 === 0 ? 6 : 1));
    const floor = addsOf(10_000, (at) => (at % 50 === 0 ? 3 : 1));
    const figures = lightFigures(NAMES, adds, floor);
    expect(figures.map(({ figure, unit, value }) => `${figure}: ${value} ${unit}`)).toEqual([
      'floor, p99: 3 ms',
      'add, p99: 6 ms',
      'add, p99, as a multiple of its floor: 2 ×',
      'floor, p99.9: 3 ms',
      'add, p99.9: 6 ms',
      'add, p99.9, as a multiple of its floor: 2 ×',
    ]);
  });

  it('leave out a percentile that has too few samples of either', () => {
    const [many, few] = [addsOf(10_000, () => 1), addsOf(1_000, () => 1)];
    expect(lightFigures(NAMES, many, few)).toHaveLength(3);
    expect(lightFigures(NAMES, few, many)).toHaveLength(3);
    expect(
      lightFigures(
        NAMES,
        addsOf(999, () => 1),
        many,
      ),
    ).toEqual([]);
  });
});

describe('the least that a durable reply takes', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-echo-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is replied to once it is on the disk, what is sent at once together', async () => {
    await using echo = await SyncedEcho.open(join(folder, 'synced'));
    await Promise.all([echo.add(), echo.add(), echo.add()]);
    await echo.add();
  });

  it('fails with its thread', async () => {
    const echo = await SyncedEcho.open(join(folder, 'ended'));
    await echo[Symbol.asyncDispose]();
    await expect(echo.add()).rejects.toThrow('has ended');
    await expect(SyncedEcho.open(join(folder, 'missing', 'file'))).rejects.toThrow('ENOENT');
  });
});
