import { systemClock } from '../measuring/clock.ts';
import { machineLine, recordEnvironment } from '../measuring/environment.ts';
import { listenForInterruption } from '../measuring/interruption.ts';
import { openProgress } from '../measuring/progress.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { deliveryFaultsOf, isBroken } from './delivery-faults.ts';
import type { Session } from './measure-run.ts';
import { RunFiles } from './run-files.ts';
import { expectedRunMs, type PlannedRun, planRuns } from './run-plan.ts';
import type { RunRow } from './run-row.ts';
import { runSession } from './run-session.ts';
import { type RunKind, type Selection, scenariosFor } from './scenario.ts';
import type { Durability, Settings } from './settings.ts';
import type { SystemUnderTest } from './system-under-test.ts';

export interface MeasureRequest {
  readonly selection: Selection;
  readonly paced: boolean;
  readonly settings: Settings;
  /** Replaces the repetitions of all runs that are not paced. */
  readonly repetitions: number | undefined;
  /** A published session has more repetitions. */
  readonly isPublished: boolean;
  readonly seed: number;
  readonly results: ResultsFolder;
  readonly target: SystemUnderTest;
  readonly nodes: number;
  readonly durability: Durability;
  readonly command: string;
  readonly commit: string;
  readonly configHash: string;
  readonly print: (line: string) => void;
}

/** What a session measured. */
export interface Measured {
  readonly rows: readonly RunRow[];
  readonly isInterrupted: boolean;
}

/**
 * Measures the requested runs and writes each row at once; ends early when it is interrupted.
 * @throws {UserError} when the rows cannot be written, or several runs in a row broke.
 */
export async function measureScenarios(request: MeasureRequest): Promise<Measured> {
  const { settings, results, print } = request;
  const files = RunFiles.open(results);
  const plan = planRuns(scenariosFor(request.selection, settings, request), repetitionsOf(request), request.seed);
  const started = new Date();
  const environment = recordEnvironment(results.path, results.environmentFile, started);
  const totalMs = plan.reduce((total, run) => total + expectedRunMs(run), 0);
  print(machineLine(results.path));
  print(
    `${plan.length} runs, ${describeDuration(totalMs)}: ${request.nodes} nodes, durability ${request.durability}. Ctrl-C ends early and keeps the figures.`,
  );
  const progress = openProgress(totalMs);
  using interruption = listenForInterruption(() =>
    progress.print('Interrupted: this run is ended and marked, then the report is written. Ctrl-C again to stop at once.'),
  );
  const name = started.toISOString();
  const session: Session = { ...request, files, clock: systemClock, environment, session: name, signal: interruption.signal };
  const rows = await measureWith(plan, session, progress);
  return { rows, isInterrupted: interruption.signal.aborted };
}

async function measureWith(
  plan: readonly PlannedRun[],
  session: Session,
  progress: ReturnType<typeof openProgress>,
): Promise<readonly RunRow[]> {
  try {
    return await runSession(plan, session, progress);
  } finally {
    progress.stop();
  }
}

/**
 * Prints what was lost or broke: it must be visible in a pipeline.
 * @returns the process's exit code: 1 when a message was lost, delivered twice or changed, a queue was not drained, or a run broke.
 */
export function reportFaults(rows: readonly RunRow[], print: (line: string) => void): number {
  for (const row of rows) {
    const faults = [...deliveryFaultsOf([row]), ...(row.valid ? [] : [row.reason])];
    if (faults.length > 0) print(`${row.run}: ${faults.join('; ')}`);
  }
  return deliveryFaultsOf(rows).length > 0 || rows.some(isBroken) ? 1 : 0;
}

function repetitionsOf({ settings, repetitions, isPublished }: MeasureRequest): Readonly<Record<RunKind, number>> {
  if (repetitions === undefined) return isPublished ? settings.publishedRepetitions : settings.repetitions;
  return { fast: repetitions, sweep: repetitions, latency: repetitions, steady: repetitions, paced: settings.repetitions.paced };
}

const describeDuration = (ms: number): string =>
  ms < 90_000 ? `about ${Math.round(ms / 1000)} s` : `about ${(ms / 60_000).toFixed(1)} min`;
