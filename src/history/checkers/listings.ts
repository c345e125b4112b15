import { BEFORE_ALL_JOBS, BEHIND_ALL_JOBS } from '../../protocol/job-order.ts';
import { JOB_STATES } from '../../protocol/job-state.ts';
import { type HistoryOperation, isBefore, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { addOf, hasOnePriority, isInFlow, type JobHistory, jobHistoriesOf } from './job-history.ts';
import { trimmedQueues } from './retention-terms.ts';
import { Problems, type Verdict } from './verdict.ts';

type Listing = OperationOf<'jobIds'>;

/** The jobs of one queue whose adds are certain, and the claims of it whose jobs are unknown. */
interface QueueJobs {
  readonly jobs: readonly KnownJob[];
  readonly byId: ReadonlyMap<number, KnownJob>;
  /** The first invocation of a claim of unknown outcome; Infinity without one. */
  readonly unclearAt: number;
  /** No completion drops the completed job of another one. */
  readonly keepsCompleted: boolean;
}

interface KnownJob {
  readonly history: JobHistory;
  readonly add: OperationOf<'add'>;
  /** Its completion, if it certainly had one. */
  readonly completed: OperationOf<'complete'> | undefined;
}

/** Whether one job certainly comes before another one in a state. */
type Order = (one: KnownJob, other: KnownJob) => boolean;

/**
 * Listings list no job twice, in the order of their state as far as the history shows it, and leave no job out that was certainly in the
 * state while they were read, as waiting ones that no claim can have taken, and completed ones that are kept. A fast check of long histories;
 * the model of a whole queue checks short ones exactly.
 */
export function checkListings(operations: readonly HistoryOperation[]): Verdict {
  const problems = new Problems();
  const listings = operations.filter(isFunction('jobIds')).filter(isJudged);
  if (listings.length > 0) {
    const histories = jobHistoriesOf(operations);
    const queues = new Map<string, QueueJobs>();
    for (const listing of listings) {
      const { queue } = listing.call;
      const known = queues.get(queue) ?? queueJobsOf(queue, operations, histories);
      queues.set(queue, known);
      checkListing(listing, known, problems);
    }
  }
  return problems.verdict('listings', listings.length);
}

const isJudged = ({ outcome, call }: Listing): boolean => outcome === 'ok' && (call.consistency ?? 'linearizable') === 'linearizable';

function queueJobsOf(queue: string, operations: readonly HistoryOperation[], histories: ReadonlyMap<number, JobHistory>): QueueJobs {
  const jobs: KnownJob[] = [];
  for (const history of histories.values()) {
    const add = addOf(history);
    if (add?.call.queue === queue && add.result !== undefined) jobs.push({ history, add, completed: completionOf(history) });
  }
  const unclear = operations.filter(isFunction('claim')).filter(({ outcome, call }) => outcome === 'info' && call.queue === queue);
  const unclearAt = unclear.reduce((first, { invokedAt }) => Math.min(first, invokedAt), Number.POSITIVE_INFINITY);
  const keepsCompleted = !trimmedQueues(operations).completed.has(queue);
  return { jobs, byId: new Map(jobs.map((job) => [job.history.id, job])), unclearAt, keepsCompleted };
}

/** None where a call of unknown outcome may have completed it before. */
function completionOf({ completes }: JobHistory): OperationOf<'complete'> | undefined {
  const [completed, ...others] = completes.filter(mayHaveApplied);
  return completed?.outcome === 'ok' && others.length === 0 ? completed : undefined;
}

function checkListing(listing: Listing, known: QueueJobs, problems: Problems): void {
  const { ids } = listing.result ?? { ids: [] };
  const { countMax, isDescending, start, afterRank } = listing.call;
  const state = JOB_STATES[listing.call.state] ?? '';
  if (ids.length > countMax) problems.add(`${ids.length} jobs are listed, at most ${countMax} were asked for`, listing);
  if (new Set(ids).size < ids.length) problems.add('a job is listed twice', listing);
  const isFirst = ORDERS[state];
  if (isFirst === undefined) return;
  const comesBefore: Order = (one, other) => (isDescending ? isFirst(other, one) : isFirst(one, other));
  const listed = ids.map((id) => known.byId.get(id));
  listed.forEach((job, at) => {
    const before = at === 0 ? undefined : listed[at - 1];
    if (job === undefined || before === undefined || !comesBefore(job, before)) return;
    problems.add(`job ${before.history.id} is listed before job ${job.history.id}, which comes before it`, listing);
  });
  const begin = isDescending ? BEHIND_ALL_JOBS : BEFORE_ALL_JOBS;
  if (start > 0 || afterRank !== begin.rank) return;
  const last = listed.at(-1);
  for (const job of known.jobs) {
    if (ids.includes(job.history.id) || !isSurelyIn(state, job, listing, known)) continue;
    // Behind the last job of a full page there may be more.
    if (ids.length === countMax && (last === undefined || !comesBefore(job, last))) continue;
    problems.add(`job ${job.history.id} is ${state} and is not listed`, listing, job.add);
  }
}

/** Of delayed and of failed jobs the order is in the times, which a history does not show. */
const ORDERS: Readonly<Record<string, Order>> = {
  waiting: (one, other) => {
    if (!hasOnePriority(one.history) || !hasOnePriority(other.history)) return false;
    const [first, second] = [one.add.call, other.add.call];
    const [firstPriority, secondPriority] = [first.priority ?? 0, second.priority ?? 0];
    if (firstPriority !== secondPriority) return firstPriority < secondPriority;
    if ((first.isLifo ?? false) !== (second.isLifo ?? false)) return first.isLifo ?? false;
    return (first.isLifo ?? false) === one.history.id > other.history.id;
  },
  active: (one, other) => one.history.id < other.history.id,
  completed: (one, other) => one.completed !== undefined && other.completed !== undefined && isBefore(one.completed, other.completed),
};

/** During the whole listing. */
function isSurelyIn(state: string, { history, add, completed }: KnownJob, listing: Listing, known: QueueJobs): boolean {
  const isUntil = (at: number): boolean => at < listing.returnedAt;
  if (isInFlow(add)) return false;
  if (history.removes.some((remove) => mayHaveApplied(remove) && isUntil(remove.invokedAt))) return false;
  if (state === 'completed')
    return known.keepsCompleted && add.call.keepCompleted === -1 && completed !== undefined && isBefore(completed, listing);
  if (state !== 'waiting' || (add.call.delayMs ?? 0) > 0) return false;
  return isBefore(add, listing) && !isUntil(known.unclearAt) && !history.claims.some(({ operation }) => isUntil(operation.invokedAt));
}
