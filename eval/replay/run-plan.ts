import { STEADY_STATE_EXPECTED_MS } from '../load/steady-state.ts';
import type { RunKind, Scenario, ScenarioId } from './scenario.ts';
import { scheduleMs, type Workload } from './workload.ts';

/** One planned run: a fresh cluster, one workload. */
export interface PlannedRun {
  readonly scenario: ScenarioId;
  readonly kind: RunKind;
  readonly workload: Workload;
  /** From 1. */
  readonly repetition: number;
  readonly seed: number;
}

/**
 * Orders the runs so that repetitions are interleaved: every case once, then every case again. A machine that slows down
 * for a while then affects all cases alike, and not all repetitions of one.
 * @param repetitions how often each kind of run is made.
 */
export function planRuns(
  scenarios: readonly Scenario[],
  repetitions: Readonly<Record<RunKind, number>>,
  seed: number,
): readonly PlannedRun[] {
  const runs: PlannedRun[] = [];
  const rounds = Math.max(...Object.values(repetitions));
  for (let repetition = 1; repetition <= rounds; repetition += 1) {
    for (const scenario of scenarios) {
      for (const { kind, workload } of scenario.cases) {
        if (repetition > repetitions[kind]) continue;
        runs.push({ scenario: scenario.id, kind, workload, repetition, seed: seed + runs.length });
      }
    }
  }
  return runs;
}

/** Start, warm-up and stop of a cluster, in milliseconds, until a run has finished. */
const OVERHEAD_MS = 700;
/** A cautious estimate of the messages a second, for the remaining time before the first result. */
const GUESSED_PER_SECOND = 10_000;
const GUESSED_BYTES_PER_SECOND = 40_000_000;

/** Estimated duration of a run in milliseconds; only for progress bars. */
export function expectedRunMs({ workload }: PlannedRun): number {
  if (workload.model === 'steady') return OVERHEAD_MS + STEADY_STATE_EXPECTED_MS;
  const loadMs = (workload.messages / GUESSED_PER_SECOND + (workload.messages * workload.payloadBytes) / GUESSED_BYTES_PER_SECOND) * 1000;
  return OVERHEAD_MS + Math.max(scheduleMs(workload), loadMs);
}

/** A readable name: `low 100 × 4 B, paced`. */
export const describeRun = ({ scenario, workload }: PlannedRun): string =>
  `${scenario} ${workload.messages === 0 ? '' : `${workload.messages} × `}${formatBytes(workload.payloadBytes)}, ${describeModel(workload)}`;

export function describeModel(workload: Workload): string {
  switch (workload.model) {
    case 'paced':
      return `paced, ${workload.delayMs} ms of pause`;
    case 'open-loop':
      return `${Math.round(workload.ratePerSecond)}/s`;
    case 'closed-loop':
      return 'as fast as possible';
    case 'steady':
      return 'steady state';
  }
}

/** `640 B`, `16 KiB`, `1 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1_048_576 && bytes % 1_048_576 === 0) return `${bytes / 1_048_576} MiB`;
  if (bytes >= 1024 && bytes % 1024 === 0) return `${bytes / 1024} KiB`;
  return `${bytes} B`;
}
