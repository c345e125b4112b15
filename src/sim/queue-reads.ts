import { FUNCTIONS, type OperationFunction, type Results } from '../history/functions.ts';
import { type Arguments, COMMANDS } from '../protocol/commands.ts';
import { BEFORE_ALL_JOBS, BEHIND_ALL_JOBS } from '../protocol/job-order.ts';
import { StateCode } from '../protocol/job-state.ts';
import type { OperationResult } from '../protocol/reply.ts';
import type { SimRandom } from './sim-random.ts';

/** The functions whose rows are of a kind. */
export type NamesOf<Kind> = { [F in OperationFunction]: (typeof COMMANDS)[F] extends Kind ? F : never }[OperationFunction];
/** Reads whose only argument is a queue. */
export type QueueRead = Exclude<NamesOf<{ readonly needs: 'queue'; readonly writes: false }>, 'jobIds' | 'getLogs'>;

export const QUEUE_READS = FUNCTIONS.filter(
  (f): f is QueueRead => COMMANDS[f].needs === 'queue' && !COMMANDS[f].writes && !('jobId' in COMMANDS[f].fields) && f !== 'jobIds',
);

const LISTED_STATES = [
  StateCode['waiting-children'],
  StateCode.delayed,
  StateCode.waiting,
  StateCode.active,
  StateCode.completed,
  StateCode.failed,
] as const;
/** How often a listing begins at its second or third job: then only what it lists is judged. */
const SKIP_SHARE = 0.2;
const LISTED_MAX = 12;

/** A listing of a queue from the beginning. */
export function aListing(random: SimRandom, queue: string): Arguments<'jobIds'> {
  const isDescending = random.withProbability(0.5);
  const { rank, tie } = isDescending ? BEHIND_ALL_JOBS : BEFORE_ALL_JOBS;
  const start = random.withProbability(SKIP_SHARE) ? 1 + random.below(2) : 0;
  const countMax = 1 + random.below(LISTED_MAX);
  return { queue, state: random.of(LISTED_STATES), isDescending, afterRank: rank, afterTie: tie, start, countMax };
}

/** The fields of a read's result; undefined when it belongs to another operation. */
export function resultIn<F extends QueueRead | 'jobIds'>(f: F, result: OperationResult & { ok: true }): Results[F] | undefined {
  if (result.type !== COMMANDS[f].result) return undefined;
  if (result.type === 'counts') return { ...result.counts } as unknown as Results[F];
  const { ok, type, ...fields }: Readonly<Record<string, unknown>> = { ...(result as object) };
  // The only casts: the row names the type of the result.
  return fields as unknown as Results[F];
}
