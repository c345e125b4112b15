import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { ResultsFolder } from '../measuring/results-folder.ts';

/** Bugs that were injected into the code on purpose, and those of them that the simulator found. */
export interface MutantCount {
  readonly all: number;
  readonly killed: number;
  readonly commits: readonly string[];
}

/** Of mutants.csv; `undefined` where there is none. */
export function readMutants({ path }: ResultsFolder): MutantCount | undefined {
  const file = join(path, 'mutants.csv');
  if (!existsSync(file)) return undefined;
  const records: Readonly<Record<string, string>>[] = parse(readFileSync(file, 'utf8'), { columns: true });
  return {
    all: records.length,
    killed: records.filter(({ killed_by }) => killed_by !== undefined && killed_by !== '').length,
    commits: [...new Set(records.flatMap(({ commit }) => commit ?? []))],
  };
}
