import { existsSync, readFileSync } from 'node:fs';
import type { Chart } from '../charts/chart.ts';
import { microChart, parseMicroRows } from '../charts/micro-chart.ts';
import { parseProfileRows, profileChart } from '../charts/profile-chart.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { messageOf, UserError } from '../measuring/user-error.ts';

/**
 * The charts of the micro-benchmarks and of the profiles, from their CSVs alone; what was not measured is left out.
 * @throws {UserError} when a CSV is not what it should be.
 */
export function benchCharts({ microFile, profileFile }: ResultsFolder): readonly Chart[] {
  const micro = existsSync(microFile) ? [microChart(readRows(microFile, parseMicroRows, 'bench:micro'))] : [];
  const profile = existsSync(profileFile) ? [profileChart(readRows(profileFile, parseProfileRows, 'bench:profile'))] : [];
  return [...micro.map((chart) => ({ ...chart, csv: 'micro.csv' })), ...profile.map((chart) => ({ ...chart, csv: 'profile.csv' }))];
}

function readRows<Row>(file: string, parse: (text: string) => readonly Row[], command: string): readonly Row[] {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file} cannot be read (${messageOf(error)}). Run "npm run ${command}" again, or remove it.`, { cause: error });
  }
}
