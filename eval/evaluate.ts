import { systemClock } from './clock.ts';
import { machineLine, recordEnvironment } from './environment.ts';
import { INTERRUPTED_EXIT_CODE, listenForInterruption } from './interruption.ts';
import type { Session } from './measure-run.ts';
import { rebuildPlots } from './plots.ts';
import { openProgress } from './progress.ts';
import { textTable } from './report/format.ts';
import { sections } from './report/tables.ts';
import { durabilityLine, summaryLine } from './report/text.ts';
import { ResultsFolder } from './results-folder.ts';
import { expectedRunMs, type PlannedRun, planRuns } from './run-plan.ts';
import type { RunRow } from './run-row.ts';
import { runSession } from './run-session.ts';
import { type RunKind, type Selection, scenariosFor } from './scenario.ts';
import type { Durability, Settings } from './settings.ts';
import type { SystemUnderTest } from './system-under-test.ts';

export interface EvaluationRequest {
  readonly selection: Selection;
  readonly paced: boolean;
  readonly settings: Settings;
  /** Replaces the repetitions of all runs that are not paced. */
  readonly repetitions: number | undefined;
  readonly seed: number;
  readonly out: string;
  readonly plotsOut: string;
  readonly target: SystemUnderTest;
  readonly nodes: number;
  readonly durability: Durability;
  readonly timings: string;
  readonly command: string;
  readonly commit: string;
  readonly configHash: string;
  readonly print: (line: string) => void;
}

/**
 * Measures the requested runs, writes each row at once, and rebuilds charts and reports from them; also after an interruption.
 * @returns the process's exit code.
 */
export async function evaluate(request: EvaluationRequest): Promise<number> {
  const { settings, print } = request;
  const results = ResultsFolder.open(request.out);
  const plan = planRuns(scenariosFor(request.selection, settings, request), repetitionsOf(request), request.seed);
  const environment = recordEnvironment(results.path, results.environmentFile, new Date());
  const totalMs = plan.reduce((total, run) => total + expectedRunMs(run), 0);
  print(machineLine(results.path));
  print(
    `${plan.length} runs, ${describeDuration(totalMs)}: ${request.nodes} nodes, durability ${request.durability}. Ctrl-C ends early and keeps the figures.`,
  );
  const progress = openProgress(totalMs);
  using interruption = listenForInterruption(() =>
    progress.print('Interrupted: this run is ended and marked, then the report is written. Ctrl-C again to stop at once.'),
  );
  const session: Session = { ...request, results, clock: systemClock, environment, signal: interruption.signal };
  const rows = await measureWith(plan, session, progress);
  const { evaluation, report, page } = await rebuildPlots(results, request.plotsOut, settings);
  for (const { title, table } of sections(evaluation)) {
    if (table.rows.length > 0) print(`\n${title}\n${textTable(table.header, table.rows)}`);
  }
  print(`\n${summaryLine(evaluation)} ${durabilityLine(evaluation)}`);
  print(`Report: ${report}\n        ${page}\nRows:   ${results.runsFile}`);
  if (interruption.signal.aborted) return INTERRUPTED_EXIT_CODE;
  return reportFaults(rows, print);
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

/** Losses and broken runs must be visible in a pipeline. */
function reportFaults(rows: readonly RunRow[], print: (line: string) => void): number {
  const faulty = rows.filter((row) => !row.valid || row.lost > 0);
  for (const row of faulty) print(`${row.run}: ${row.lost > 0 ? `${row.lost} messages lost` : row.reason}`);
  return rows.some((row) => row.lost > 0 || row.wall_ms === null) ? 1 : 0;
}

function repetitionsOf({ settings, repetitions }: EvaluationRequest): Readonly<Record<RunKind, number>> {
  if (repetitions === undefined) return settings.repetitions;
  return { fast: repetitions, sweep: repetitions, latency: repetitions, paced: settings.repetitions.paced };
}

const describeDuration = (ms: number): string =>
  ms < 90_000 ? `about ${Math.round(ms / 1000)} s` : `about ${(ms / 60_000).toFixed(1)} min`;
