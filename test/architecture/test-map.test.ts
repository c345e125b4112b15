import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../../eval/mutants/mutants.ts';
import { packageRoot } from './source-file.ts';

const page = readFileSync(join(packageRoot, 'test/README.md'), 'utf8');

/** `` `raft/vote.test.ts` › name of a test``, as in the page's tables. */
const named = [...page.matchAll(/`([\w/.-]+\.(?:ts|txt))` › (.+?)(?=<br>| \|)/g)].map(([, file = '', name = '']) => ({ file, name }));

/** The page has quotes and placeholders as in the source of the tests. */
const isIn = (file: string, name: string): boolean => {
  const path = join(packageRoot, 'test', file);
  return existsSync(path) && readFileSync(path, 'utf8').includes(name);
};

interface MutantRow {
  readonly mistake: string;
  readonly mutant: string;
  readonly killed_by: string;
  readonly seeds: string;
}

describe('test/README.md', () => {
  it('names many tests', () => {
    expect(named.length).toBeGreaterThan(60);
  });

  it('names only tests that exist', () => {
    expect(named.filter(({ file, name }) => !isIn(file, name))).toEqual([]);
  });

  it('shows the mutants of the results, all of them killed', () => {
    const csv = readFileSync(join(packageRoot, 'results/mutants.csv'), 'utf8');
    const rows = parse(csv, { columns: true }) as MutantRow[];
    const shown = ({ mistake, mutant, killed_by, seeds }: MutantRow): boolean =>
      page.includes(`| ${mistake} | ${mutant} | ${killed_by} | ${seeds} |`);
    expect(rows.length).toBeGreaterThanOrEqual(20);
    expect(rows.filter((row) => !shown(row) || row.killed_by === '').map(({ mutant }) => mutant)).toEqual([]);
  });
});

describe('the mutants', () => {
  it.each(MUTANTS)('$name: replaces a text that is once in its file', ({ file, find, replace }) => {
    const source = readFileSync(join(packageRoot, 'src', file), 'utf8');
    expect(source.split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
  });

  it('have different names', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
