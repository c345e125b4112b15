import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import { machineLine, recordEnvironment } from '../measuring/environment.ts';
import { listenForInterruption } from '../measuring/interruption.ts';
import { openProgress, type Progress } from '../measuring/progress.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { UserError } from '../measuring/user-error.ts';
import { FLOORS, MEASURES, selectMeasures } from './all-measures.ts';
import { BenchFile, readLastSession, type SessionFacts } from './bench-file.ts';
import { type BenchMeasure, nodeCountOf } from './bench-measure.ts';
import { benchTable, mediansOf } from './bench-table.ts';
import { comparisonTable } from './compare.ts';
import type { BenchFigure } from './figure.ts';
import { commitProbe } from './floor.ts';

export interface BenchRequest {
  readonly config: ClusterConfig;
  readonly rounds: number;
  /** No further round begins when the session would take longer than this. */
  readonly limitMs: number;
  readonly seed: number;
  readonly out: string;
  /** Only measures whose name contains this text. */
  readonly only: string | undefined;
  /** Also measures that take minutes. */
  readonly long: boolean;
  /** A bench.csv whose last session this one is compared with. */
  readonly compare: string | undefined;
  readonly print: (line: string) => void;
}

export interface BenchOutcome {
  /** bench.csv, which holds the session as its last. */
  readonly file: string;
  readonly isInterrupted: boolean;
}

/** One measurement of the plan. */
interface Step {
  readonly round: number;
  readonly measure: BenchMeasure;
}

/**
 * Every measurement once, then all again: a disturbance of the machine affects all alike.
 * @throws {UserError} when `--only` matches no measure, or there is nothing to compare with.
 */
export async function runBench(request: BenchRequest): Promise<BenchOutcome> {
  const { config, rounds, print } = request;
  // Before anything is measured, and before this session's rows are in the same file.
  const earlier = request.compare === undefined ? undefined : readLastSession(request.compare);
  const plan = planSteps(selectSteps(request), rounds);
  const results = ResultsFolder.open(request.out);
  const facts: SessionFacts = {
    session: new Date().toISOString(),
    commit: currentCommit(),
    environment: recordEnvironment(results.path, results.environmentFile, new Date()),
    nodes: nodeCountOf(config),
    durability: config.storage === 'memory' ? 'off' : config.durability,
  };
  const file = BenchFile.open(results.benchFile, facts, print);
  const isFirst = ({ measure }: Step): boolean => measure.when === 'first';
  const [firsts, others] = [plan.filter(isFirst), plan.filter((step) => !isFirst(step))];
  print(`${machineLine(results.path)} (environment ${facts.environment}), commit ${facts.commit}`);
  print(`${rounds} rounds, about ${Math.round(expectedMsOf(plan) / 1000)} s: ${facts.nodes} nodes, durability ${facts.durability}.`);
  const startMs = performance.now();
  let shown: Pick<Progress, 'print'> = { print };
  using interruption = listenForInterruption(() => shown.print('Interrupted: the figures so far are kept.'));
  const figures: BenchFigure[] = [];
  const tools = { folder: results.dataPath('bench'), file, figures, signal: interruption.signal };
  for (const { measure } of firsts) print(`First: ${measure.label}, about ${Math.round(measure.expectedMs / 1000)} s.`);
  await runSteps(firsts, request, { ...tools, progress: SILENCE });
  const progress = openProgress(expectedMsOf(others));
  shown = progress;
  try {
    await runSteps(others, { ...request, limitMs: request.limitMs - (performance.now() - startMs) }, { ...tools, progress });
  } finally {
    progress.stop();
  }
  print(`\n${benchTable(figures)}\n`);
  if (earlier !== undefined) print(`${comparisonTable(earlier, { ...facts, figures })}\n`);
  return { file: file.path, isInterrupted: interruption.signal.aborted };
}

/** A progress bar is drawn by this process, and would be most of an idle cluster's CPU time. */
const SILENCE: Progress = { onStep: () => undefined, onAdvance: () => undefined, print: () => undefined, stop: () => undefined };

function selectSteps({ only, long, config, print }: BenchRequest): readonly BenchMeasure[] {
  const wanted = selectMeasures(only).map((measure) => (long ? { ...measure, ...measure.long } : measure));
  if (wanted.length === 0)
    throw new UserError(`Nothing has "${only}" in its name. There are: ${MEASURES.map(({ label }) => label).join('; ')}.`);
  const nodes = nodeCountOf(config);
  const tooLarge = wanted.filter(({ nodesMin }) => (nodesMin ?? 1) > nodes);
  if (tooLarge.length > 0) print(`Left out, since ${nodes} nodes do not survive a loss: ${tooLarge.map(({ label }) => label).join(', ')}.`);
  const withoutFiles = wanted.filter(({ needsFiles }) => needsFiles === true && config.storage === 'memory');
  if (withoutFiles.length > 0) print(`Left out, since processes share files: ${withoutFiles.map(({ label }) => label).join(', ')}.`);
  return wanted.filter((measure) => !tooLarge.includes(measure) && !withoutFiles.includes(measure));
}

/**
 * Each round begins with the floor; measures that run once come before or after all rounds. Before each measure the commits are probed.
 */
export function planSteps(measures: readonly BenchMeasure[], rounds: number): readonly Step[] {
  const of = (when: BenchMeasure['when']) => measures.filter((measure) => measure.when === when);
  const inRound = [...FLOORS, ...withProbes(of('every-round'))];
  return [
    ...of('first').map((measure) => ({ round: 1, measure })),
    ...Array.from({ length: rounds }, (_, at) => inRound.map((measure) => ({ round: at + 1, measure }))).flat(),
    ...withProbes(of('last')).map((measure) => ({ round: 1, measure })),
  ];
}

const withProbes = (measures: readonly BenchMeasure[]): readonly BenchMeasure[] => measures.flatMap((measure) => [commitProbe, measure]);

const expectedMsOf = (steps: readonly Step[]): number => steps.reduce((total, { measure }) => total + measure.expectedMs, 0);

interface Tools {
  /** On the disk that the results are on; removed at the end. */
  readonly folder: string;
  readonly file: BenchFile;
  /** The figures so far. */
  readonly figures: BenchFigure[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function runSteps(plan: readonly Step[], { config, seed, rounds, limitMs }: BenchRequest, tools: Tools): Promise<void> {
  const { folder, file, figures, progress, signal } = tools;
  const startMs = performance.now();
  let roundsMax = rounds;
  try {
    for (const [at, { round, measure }] of plan.entries()) {
      if (signal.aborted) return;
      if (round > 1 && round <= roundsMax && measure === FLOORS[0]) {
        const ahead = plan.slice(at).filter((step) => step.round === round || step.measure.when === 'last');
        const elapsedMs = performance.now() - startMs;
        if (!isTimeFor(expectedMsOf(ahead), { elapsedMs, doneMs: expectedMsOf(plan.slice(0, at)), limitMs })) {
          roundsMax = round - 1;
          progress.print(`The machine is slow or busy: ${roundsMax} of ${rounds} rounds fit into ${Math.round(limitMs / 60_000)} min.`);
        }
      }
      if (round > roundsMax) continue;
      progress.onStep(measure.when === 'every-round' ? `${round}/${rounds} ${measure.label}` : measure.label);
      const dataDir = join(folder, String(at));
      const measured = await measure.measure({ config, dataDir, seed: seed + round, signal, medianOf: mediansOf(figures) });
      const found = measured.filter(({ value }) => Number.isFinite(value));
      file.append(round, found, signal.aborted ? 'interrupted' : '');
      if (!signal.aborted) figures.push(...found);
      progress.onAdvance(expectedMsOf(plan.slice(0, at + 1)));
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Whether this much expected work still fits, at the pace so far. */
export function isTimeFor(
  aheadMs: number,
  { elapsedMs, doneMs, limitMs }: { readonly elapsedMs: number; readonly doneMs: number; readonly limitMs: number },
): boolean {
  const pace = doneMs === 0 ? 1 : elapsedMs / doneMs;
  return elapsedMs + aheadMs * pace <= limitMs;
}
