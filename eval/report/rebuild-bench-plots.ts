import { existsSync, readFileSync } from 'node:fs';
import { microChart, parseMicroRows } from '../charts/micro-chart.ts';
import { parseProfileRows, profileChart } from '../charts/profile-chart.ts';
import { writeChart } from '../charts/write-chart.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { messageOf, UserError } from '../measuring/user-error.ts';

/**
 * Draws the charts of the micro-benchmarks and of the profiles again, from their CSVs alone; what was not measured is left out.
 * @returns the paths of the SVG files.
 * @throws {UserError} when a CSV is not what it should be, or the charts cannot be written.
 */
export async function rebuildBenchPlots({ microFile, profileFile }: ResultsFolder, plotsPath: string): Promise<readonly string[]> {
  const micro = existsSync(microFile) ? [microChart(readRows(microFile, parseMicroRows, 'bench:micro'))] : [];
  const profile = existsSync(profileFile) ? [profileChart(readRows(profileFile, parseProfileRows, 'bench:profile'))] : [];
  const drawn: string[] = [];
  for (const chart of [...micro, ...profile]) drawn.push(await writeChart(chart, plotsPath));
  return drawn;
}

function readRows<Row>(file: string, parse: (text: string) => readonly Row[], command: string): readonly Row[] {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file} cannot be read (${messageOf(error)}). Run "npm run ${command}" again, or remove it.`, { cause: error });
  }
}
