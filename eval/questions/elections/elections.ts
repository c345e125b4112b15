import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import type { ElectionRules } from '../../../src/raft/shared-state.ts';
import { round } from '../../measuring/latency-summary.ts';
import { count, number, optionalNumber } from '../cells.ts';
import type { Question, QuestionStep } from '../question.ts';
import { realElections } from './real-elections.ts';
import { NODES, type SimulatedElection, simulateElection } from './simulated-election.ts';
import { nameOf, TIMEOUT_RANGES, type TimeoutRange } from './timeout-ranges.ts';

/**
 * One way: a broadcast with all four replies then takes 15 ms on average, "a cluster of five servers with a broadcast time of roughly 15 ms"
 * (Raft Figure 16).
 */
export const DELAY_MS = { from: 4, to: 9 };
/** An election that takes longer counts as none. */
export const LIMIT_MS = 60_000;
const SIMULATED_TRIALS = 1000;
const REAL_TRIALS = 30;
/** Expected milliseconds of a real trial: the election, and the restart of the node that ended. */
const REAL_TRIAL_MS = 1000;
/** After so many simulated trials the step looks whether it is to end. */
const TRIALS_A_TURN = 10;

const RULES = {
  'pre-votes and tie-break': { preVote: true, tieBreak: true },
  'pre-votes': { preVote: true, tieBreak: false },
  'as in the paper': { preVote: false, tieBreak: false },
} as const satisfies Record<string, ElectionRules>;
export type Variant = keyof typeof RULES;
/** What each node of jobraft does. */
export const DEFAULT_VARIANT: Variant = 'pre-votes and tie-break';

const row = z.object({
  kind: z.enum(['simulated', 'real']),
  variant: z.enum(['pre-votes and tie-break', 'pre-votes', 'as in the paper']),
  /** `different`: two of the four followers lack entries that the two others have, so that they cannot win. */
  logs: z.enum(['different', 'equal']),
  timeout_min_ms: number,
  timeout_max_ms: number,
  /** From 1 on. */
  trial: count,
  /** 1 if a leader was elected within {@link LIMIT_MS}. */
  elected: count,
  /** From the crash until a follower leads. Simulated: until it has the votes; real: until it reports that it leads. */
  without_leader_ms: optionalNumber,
});
export type ElectionRow = z.infer<typeof row>;

/** Compared with and without pre-votes and tie-break. */
export const COMPARED_RANGES = rangesNamed(['150–150', '150–155', '150–300', '12–24']);
/** Measured in real clusters. */
export const REAL_RANGES = rangesNamed(['150–150', '150–155', '150–300', '50–100', '25–50']);

/** From a leader's crash to the next leader, with the timeouts of the Raft paper's Figure 16: simulated, and in real clusters of five. */
export const elections: Question<ElectionRow> = {
  id: 'elections',
  asks: 'How long without a leader?',
  row,
  isLarge: true,
  rounds: 1,
  steps: [
    simulated({ variant: 'pre-votes and tie-break', logs: 'different', ranges: TIMEOUT_RANGES, expectedMs: 5000 }),
    simulated({ variant: 'as in the paper', logs: 'different', ranges: TIMEOUT_RANGES, expectedMs: 30_000 }),
    simulated({ variant: 'pre-votes', logs: 'different', ranges: COMPARED_RANGES, expectedMs: 2000 }),
    simulated({ variant: 'pre-votes and tie-break', logs: 'equal', ranges: REAL_RANGES, expectedMs: 2000 }),
    ...REAL_RANGES.map(real),
  ],
};

function rangesNamed(names: readonly string[]): readonly TimeoutRange[] {
  return names.flatMap((name) => TIMEOUT_RANGES.filter((range) => nameOf(range) === name));
}

interface SimulatedStep {
  readonly variant: Variant;
  readonly logs: SimulatedElection['logs'];
  readonly ranges: readonly TimeoutRange[];
  readonly expectedMs: number;
}

function simulated({ variant, logs, ranges, expectedMs }: SimulatedStep): QuestionStep<ElectionRow> {
  const rules = RULES[variant];
  return {
    name: `simulated, ${variant}, ${logs} logs`,
    expectedMs,
    measure: async ({ seed, signal }) => {
      const rows: ElectionRow[] = [];
      for (const timeouts of ranges) {
        for (let trial = 1; trial <= SIMULATED_TRIALS && !signal.aborted; trial += 1) {
          if (trial % TRIALS_A_TURN === 0) await nextTurn();
          const ms = simulateElection({
            timeouts,
            rules,
            logs,
            delayMs: DELAY_MS,
            limitMs: LIMIT_MS,
            seed: seed * SIMULATED_TRIALS + trial,
          });
          rows.push(rowOf({ kind: 'simulated', variant, logs, timeouts, trial, ms }));
        }
      }
      return rows;
    },
  };
}

function real(timeouts: TimeoutRange): QuestionStep<ElectionRow> {
  return {
    name: `real, ${nameOf(timeouts)} ms`,
    expectedMs: REAL_TRIALS * REAL_TRIAL_MS,
    measure: async (context) => {
      const trials = await realElections(context, { nodes: NODES, timeouts, trials: REAL_TRIALS, delayMs: DELAY_MS, limitMs: LIMIT_MS });
      return trials.map((ms, at) => rowOf({ kind: 'real', variant: DEFAULT_VARIANT, logs: 'equal', timeouts, trial: at + 1, ms }));
    },
  };
}

interface Trial extends Pick<ElectionRow, 'kind' | 'variant' | 'logs' | 'trial'> {
  readonly timeouts: TimeoutRange;
  readonly ms: number | undefined;
}

const rowOf = ({ kind, variant, logs, timeouts, trial, ms }: Trial): ElectionRow => ({
  ...{ kind, variant, logs },
  timeout_min_ms: timeouts.minMs,
  timeout_max_ms: timeouts.maxMs,
  trial,
  elected: ms === undefined ? 0 : 1,
  without_leader_ms: ms === undefined ? null : round(ms),
});
