import { countOf, textTable } from '../measuring/format.ts';
import { INTERRUPTED_EXIT_CODE, listenForInterruption } from '../measuring/interruption.ts';
import type { Progress } from '../measuring/progress.ts';
import { UserError } from '../measuring/user-error.ts';
import type { FullStep } from './full-plan.ts';
import { runStep } from './run-step.ts';
import type { FullSession, SessionFile } from './session-file.ts';

export interface FullRequest {
  readonly session: FullSession;
  readonly file: SessionFile;
  readonly steps: readonly FullStep[];
  /** Added to the arguments of each step. */
  readonly folders: readonly string[];
  /** Added to those of a step that draws charts. */
  readonly plots: readonly string[];
  readonly print: (line: string) => void;
  readonly openProgress: (totalMs: number) => Progress;
}

const MINUTE_MS = 60_000;
const TICK_MS = 1000;

/**
 * Runs the steps that the session lacks, each in a process of its own, and records each at its end. A step that fails does not keep the
 * others from being measured.
 * @returns whether it was interrupted.
 * @throws {UserError} at the end, when a step failed: the same command measures that step again.
 */
export async function runFull(request: FullRequest): Promise<{ readonly isInterrupted: boolean }> {
  const { session, steps, print, openProgress } = request;
  const doneOf = ({ name }: FullStep) => session.done.find((step) => step.name === name);
  print(`Session ${session.session}, commit ${session.commit}.`);
  print(
    textTable(
      ['Step', 'Fills', 'Minutes'],
      steps.map((step) => [step.name, step.fills, minutesOf(step, doneOf(step)?.minutes)]),
    ),
  );
  const left = steps.filter((step) => doneOf(step) === undefined);
  print(
    `${left.length} of ${steps.length} steps, about ${countOf(Math.round(totalMs(left) / MINUTE_MS), 'minute')}. Ctrl-C ends early; the same command goes on.`,
  );
  const progress = openProgress(totalMs(left));
  using interruption = listenForInterruption(() => progress.print('Interrupted: this step ends, and is measured again next time.'));
  const failed: string[] = [];
  try {
    for (const [at, step] of left.entries()) {
      if (interruption.signal.aborted) break;
      const code = await measure(step, totalMs(left.slice(0, at)), request, { progress, signal: interruption.signal });
      if (code === 0) continue;
      failed.push(`"${step.name}" with exit status ${code}`);
      progress.print(`  ${step.name}: ended with exit status ${code}; the session goes on without it.`);
    }
  } finally {
    progress.stop();
  }
  if (failed.length > 0)
    throw new UserError(`These steps failed: ${failed.join(', ')}; their output is above. Run the same command to measure them again.`);
  return { isInterrupted: interruption.signal.aborted };
}

interface Tools {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** @returns the exit status of a step that failed, else 0. */
async function measure(
  step: FullStep,
  beforeMs: number,
  { session, file, folders, plots }: FullRequest,
  { progress, signal }: Tools,
): Promise<number> {
  const startMs = performance.now();
  const tookMs = (): number => performance.now() - startMs;
  progress.onStep(step.name);
  const tick = setInterval(() => progress.onAdvance(beforeMs + Math.min(step.expectedMs, tookMs())), TICK_MS);
  let code: number;
  try {
    const where = step.hasCharts === false ? folders : [...folders, ...plots];
    code = await runStep([...step.args, ...where], signal, (line) => progress.print(`  ${step.name}: ${line}`));
  } finally {
    clearInterval(tick);
  }
  if (signal.aborted || code === INTERRUPTED_EXIT_CODE) return 0;
  if (code !== 0) return code;
  session.done.push({ name: step.name, minutes: Math.round((tookMs() / MINUTE_MS) * 10) / 10 });
  file.write(session);
  progress.onAdvance(beforeMs + step.expectedMs);
  return 0;
}

const totalMs = (steps: readonly FullStep[]): number => steps.reduce((sum, { expectedMs }) => sum + expectedMs, 0);

const minutesOf = ({ expectedMs }: FullStep, took: number | undefined): string =>
  took === undefined ? (expectedMs / MINUTE_MS).toFixed(1) : `done in ${took.toFixed(1)}`;
