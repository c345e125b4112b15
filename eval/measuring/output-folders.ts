import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from './package-root.ts';

/** The folders of the evidence that the repository publishes; a run on a user's machine never writes them without `--publish`. */
export const PUBLISHED = Object.freeze({ results: join(packageRoot(), 'results'), plots: join(packageRoot(), 'plots') });

/** Ignored by git. */
const LOCAL = Object.freeze({ results: join(PUBLISHED.results, 'local'), plots: join(PUBLISHED.plots, 'local') });

export interface FolderOptions {
  readonly publish?: boolean;
  readonly out?: string;
  readonly plotsOut?: string;
}

/** @property out CSVs, samples, reports. @property plotsOut charts. */
export interface OutputFolders {
  readonly out: string;
  readonly plotsOut: string;
}

/**
 * Adds `--publish` and `--out`; {@link outputFoldersOf} reads them.
 * @param results what the command writes there.
 */
export const addResultsFolder = (command: Command, results: string): Command =>
  command
    .option('--publish', 'write the evidence of the repository, results/ and plots/, in place of results/local/ and plots/local/')
    .option('--out <folder>', `${results} (default: results/local of the package)`);

/** The same with `--plots-out`, for a command that draws charts. */
export const addOutputFolders = (command: Command, results: string): Command =>
  addResultsFolder(command, results).option('--plots-out <folder>', 'charts: specs, SVG and PNG (default: plots/local of the package)');

export function outputFoldersOf({ publish, out, plotsOut }: FolderOptions): OutputFolders {
  const folders = publish === true ? PUBLISHED : LOCAL;
  return { out: out ?? folders.results, plotsOut: plotsOut ?? folders.plots };
}
