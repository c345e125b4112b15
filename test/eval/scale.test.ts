import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runScale, scaleTable, selected, stepsOf } from '../../dist/eval/scale/run-scale.js';

const TINY = 0.0002;

describe('bench:scale', () => {
  let out = '';
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'jobraft-scale-'));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it('takes a share of the numbers of jobs and workers, and all numbers of nodes', () => {
    const steps = stepsOf(selected(undefined), 0.1);
    expect(steps.filter(({ name }) => name === 'nodes').map(({ size }) => size)).toEqual([1, 3, 5, 7, 9, 11, 13]);
    expect(steps.filter(({ name }) => name !== 'nodes')).toEqual([
      { name: 'waiting jobs', size: 1_000_000 },
      { name: 'commands to replay', size: 1_000_000 },
      { name: 'queue names', size: 100_000 },
      { name: 'workers', size: 1_000 },
    ]);
  });

  it('names its measures when none is called so', () => {
    expect(() => selected('discs')).toThrow('There are: nodes; waiting jobs; commands to replay; queue names; workers.');
  });

  it('measures each in a process of its own, and writes a row for each figure', async () => {
    const printed: string[] = [];
    for (const only of ['waiting', 'replay', 'queue']) {
      const { isInterrupted } = await runScale({ out, only, share: TINY, seed: 1, print: (line: string) => printed.push(line) });
      expect(isInterrupted).toBe(false);
    }
    const rows = parse(readFileSync(join(out, 'scale.csv'), 'utf8'), { columns: true }) as {
      readonly measure: string;
      readonly figure: string;
      readonly size: string;
      readonly value: string;
    }[];
    const figuresOf = (measure: string) => rows.filter((row) => row.measure === measure).map(({ figure }) => figure);
    expect(figuresOf('waiting jobs')).toEqual([
      'adds in bulk, the first tenth',
      'adds in bulk, the last tenth',
      'resident memory',
      'memory of a job and node',
      'a page of 1,000 jobs, p50',
      'claims and completions',
      ...['restart of a node', 'restart of a node', 'restart of a node'],
    ]);
    expect(figuresOf('commands to replay')).toEqual(['restart', 'commands applied', 'resident memory']);
    expect(figuresOf('queue names').slice(0, 2)).toEqual(['adds, each to a queue of its own', 'resident memory']);
    expect(
      rows.filter(({ measure, figure }) => measure === 'waiting jobs' && figure !== 'restart of a node').map(({ size }) => size),
    ).toEqual(Array.from({ length: 6 }, () => '2000'));
    expect(rows.filter(({ value }) => !Number.isFinite(Number(value)))).toEqual([]);
    expect(printed).toContain('2,000 waiting jobs');
  });

  it('shows a table of the figures', () => {
    const table = scaleTable([{ measure: 'nodes', size: 13, figure: 'elections', unit: 'count', value: 0 }]);
    expect(table.split('\n').at(-1)?.split(/ {2,}/)).toEqual(['nodes', '13', 'elections', '0', 'count']);
  });
});
