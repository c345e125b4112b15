import { existsSync, readFileSync } from 'node:fs';
import { readLastSession } from './bench/bench-file.ts';
import { drawBenchCharts } from './charts/bench-charts.ts';
import { type MicroRow, microChart, parseMicroRows } from './charts/micro-chart.ts';
import { writeChart } from './charts/write-chart.ts';
import type { ResultsFolder } from './results-folder.ts';
import { messageOf, UserError } from './user-error.ts';

/**
 * Draws the charts of the bench's last session and of the micro-benchmarks again, from their CSVs alone; what was not measured is left out.
 * @returns the paths of the SVG files.
 * @throws {UserError} when a CSV is not what it should be, or the charts cannot be written.
 */
export async function rebuildBenchPlots({ benchFile, microFile }: ResultsFolder, plotsPath: string): Promise<readonly string[]> {
  const bench = existsSync(benchFile) ? await drawBenchCharts(readLastSession(benchFile), plotsPath) : [];
  const micro = existsSync(microFile) ? [await writeChart(microChart(readMicroRows(microFile)), plotsPath)] : [];
  return [...bench, ...micro];
}

function readMicroRows(file: string): readonly MicroRow[] {
  try {
    return parseMicroRows(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file} cannot be read (${messageOf(error)}). Run "npm run bench:micro" again, or remove it.`, { cause: error });
  }
}
