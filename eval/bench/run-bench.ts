import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import { recordEnvironment } from '../environment.ts';
import { INTERRUPTED_EXIT_CODE, listenForInterruption } from '../interruption.ts';
import { openProgress, type Progress } from '../progress.ts';
import { currentCommit } from '../provenance.ts';
import { ResultsFolder } from '../results-folder.ts';
import { type BenchFigure, benchTable, floorFigures, sampleFigures } from './bench-table.ts';
import { measureFloor } from './floor.ts';
import {
  type BenchContext,
  type BenchSample,
  measureAdd,
  measureAddAlone,
  measureAddBulk,
  measureCycle,
  measureLargeAdd,
  measureLeaderKill,
  measureOpenLoop,
} from './measures.ts';

export interface BenchRequest {
  readonly config: ClusterConfig;
  readonly rounds: number;
  readonly seed: number;
  readonly out: string;
  readonly print: (line: string) => void;
}

/** In the order of a round; the open loop needs the capacity that `measureAdd` gives. */
const MEASURES: readonly {
  readonly label: string;
  readonly measure: (context: BenchContext) => Promise<BenchSample>;
  readonly expectedMs: number;
}[] = [
  { label: 'adds, many in flight', measure: measureAdd, expectedMs: 1800 },
  { label: 'adds in bulk', measure: measureAddBulk, expectedMs: 1800 },
  { label: 'adds, one at a time', measure: measureAddAlone, expectedMs: 2000 },
  { label: 'adds, open loop', measure: measureOpenLoop, expectedMs: 3200 },
  { label: 'add, claim, complete', measure: measureCycle, expectedMs: 2800 },
  { label: 'adds of 64 KiB', measure: measureLargeAdd, expectedMs: 1800 },
  { label: 'leader kills', measure: measureLeaderKill, expectedMs: 3000 },
];
const FLOOR_EXPECTED_MS = 700;
const HEADER = ['started', 'round', 'figure', 'unit', 'value', 'commit', 'environment', 'nodes', 'durability', 'valid', 'reason'];

/**
 * Every measurement once, then all again: what disturbs the machine for a while disturbs all alike.
 * @returns the process's exit code.
 */
export async function runBench(request: BenchRequest): Promise<number> {
  const { config, rounds, print } = request;
  const results = ResultsFolder.open(request.out);
  const environment = recordEnvironment(results.path, results.environmentFile, new Date());
  const file = join(results.path, 'bench.csv');
  const nodes = typeof config.nodes === 'number' ? config.nodes : config.nodes.length;
  const commit = currentCommit();
  const figures: BenchFigure[] = [];
  const roundMs = FLOOR_EXPECTED_MS + MEASURES.reduce((total, { expectedMs }) => total + expectedMs, 0);
  print(`${rounds} rounds, about ${Math.round((rounds * roundMs) / 1000)} s: ${nodes} nodes, durability ${config.durability}.`);
  const progress = openProgress(rounds * roundMs);
  using interruption = listenForInterruption(() => progress.print('Interrupted: what was measured is kept.'));
  const keep = (round: number, found: readonly BenchFigure[]): void => {
    const isCut = interruption.signal.aborted;
    const rows = found.map(({ figure, unit, value }) => [
      new Date().toISOString(),
      round,
      figure,
      unit,
      value.toPrecision(6),
      commit,
      environment,
      nodes,
      config.durability,
      String(!isCut),
      isCut ? 'interrupted' : '',
    ]);
    appendFileSync(file, stringify(existsSync(file) ? rows : [HEADER, ...rows]));
    if (!isCut) figures.push(...found);
  };
  try {
    for (let round = 1; round <= rounds && !interruption.signal.aborted; round += 1) {
      await runRound(round, (round - 1) * roundMs, request, { results, signal: interruption.signal, progress, keep });
    }
  } finally {
    progress.stop();
  }
  print(`\n${benchTable(figures)}\n\nRows: ${file}`);
  return interruption.signal.aborted ? INTERRUPTED_EXIT_CODE : 0;
}

interface RoundTools {
  readonly results: ResultsFolder;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly keep: (round: number, figures: readonly BenchFigure[]) => void;
}

async function runRound(round: number, startMs: number, { config, seed, rounds }: BenchRequest, tools: RoundTools): Promise<void> {
  const { progress, signal, keep } = tools;
  const folder = join(tools.results.path, `bench-data-${process.pid}`);
  let doneMs = startMs;
  let capacityPerSecond = 0;
  try {
    progress.onStep(`${round}/${rounds} floor`);
    keep(round, floorFigures(await measureFloor(folder)));
    doneMs += FLOOR_EXPECTED_MS;
    progress.onAdvance(doneMs);
    for (const [at, { label, measure, expectedMs }] of MEASURES.entries()) {
      if (signal.aborted) return;
      progress.onStep(`${round}/${rounds} ${label}`);
      const sample = await measure({ config, dataDir: join(folder, String(at)), seed: seed + round, signal, capacityPerSecond });
      if (sample.measure === 'add') capacityPerSecond = sample.values[0] ?? 0;
      keep(round, sampleFigures(sample));
      doneMs += expectedMs;
      progress.onAdvance(doneMs);
      rmSync(join(folder, String(at)), { recursive: true, force: true, maxRetries: 5 });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
