import { JOB_STATES } from '../../protocol/job-state.ts';
import type { ClaimResult, JobKey } from '../functions.ts';
import { type HistoryOperation, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { TickAdds } from './ticks.ts';

/** One job's part in a claim that may have returned several. */
export interface JobClaim extends ClaimResult {
  readonly operation: OperationOf<'claim'>;
}

type ChangeFunction =
  | 'promote'
  | 'changePriority'
  | 'changeDelay'
  | 'updateProgress'
  | 'updateData'
  | 'addLog'
  | 'clearLogs'
  | 'removeUnprocessed'
  | 'removeDependency';
type JobChange = { [F in ChangeFunction]: OperationOf<F> }[ChangeFunction];

/** Everything in a history that names one job, in the order of the invocations. */
export interface JobHistory {
  readonly id: number;
  /** Undefined when no add, claim or read shows it. */
  readonly key: JobKey | undefined;
  /** Of a listing that shows it. */
  readonly queue: string | undefined;
  /** Every add that may have added this job: the one that got its id, or those of unknown (or rejected) outcome with its key. */
  readonly adds: readonly OperationOf<'add'>[];
  readonly claims: readonly JobClaim[];
  readonly begins: readonly OperationOf<'begin'>[];
  readonly extends: readonly OperationOf<'extend'>[];
  readonly completes: readonly OperationOf<'complete'>[];
  readonly fails: readonly OperationOf<'fail'>[];
  readonly releases: readonly OperationOf<'release'>[];
  /** Of the processes that may have held the job. */
  readonly holderReleases: readonly OperationOf<'releaseHolder'>[];
  readonly retries: readonly OperationOf<'retry'>[];
  readonly removes: readonly (OperationOf<'remove'> | OperationOf<'removeAlone'> | OperationOf<'clean'>)[];
  /** Commands that change it where it is, and none of its attempts. */
  readonly changes: readonly JobChange[];
  /** Only the linearizable ones. */
  readonly reads: readonly OperationOf<'getJob'>[];
  readonly logReads: readonly OperationOf<'getLogs'>[];
}

type Growing = { -readonly [Name in keyof JobHistory]: JobHistory[Name] extends readonly (infer Item)[] ? Item[] : JobHistory[Name] };

/** The history by job. Jobs whose add is of unknown outcome and that were never seen are left out. */
export function jobHistoriesOf(operations: readonly HistoryOperation[]): Map<number, JobHistory> {
  const jobs = new Map<number, Growing>();
  const jobOf = (id: number): Growing => {
    let job = jobs.get(id);
    if (job === undefined) {
      job = emptyJob(id);
      jobs.set(id, job);
    }
    return job;
  };
  for (const operation of operations) assign(operation, jobOf);
  assignHolderReleases(operations, jobs);
  const unplaced = unplacedAdds(operations);
  const ticks = new TickAdds(operations);
  const unknown = [...unplaced.values()].flat().filter(({ outcome }) => outcome === 'info');
  for (const job of jobs.values()) {
    if (job.adds.length > 0) continue;
    // A job that only commands name, by a guessed id, may be any job added by a call of unknown outcome, or by a tick.
    if (job.key === undefined) job.adds.push(...unknown, ...ticks.possibleAdds(job.queue ?? job.claims[0]?.operation.call.queue));
    else job.adds.push(...(unplaced.get(job.key) ?? []), ...ticks.addsOf(job.key));
  }
  return jobs;
}

/** A process holds what it claimed, and may hold what it claimed without a reply. */
function assignHolderReleases(operations: readonly HistoryOperation[], jobs: ReadonlyMap<number, Growing>): void {
  const releases = operations.filter(isFunction('releaseHolder'));
  if (releases.length === 0) return;
  const unknownHolders = new Set(
    operations.filter(isFunction('claim')).flatMap(({ outcome, call }) => (outcome === 'info' ? [call.holder] : [])),
  );
  for (const job of jobs.values()) {
    const holders = new Set([...unknownHolders, ...job.claims.map(({ operation }) => operation.call.holder)]);
    job.holderReleases.push(...releases.filter(({ call }) => holders.has(call.holder)));
  }
}

/** Adds that got no id, by key. */
function unplacedAdds(operations: readonly HistoryOperation[]): Map<JobKey, OperationOf<'add'>[]> {
  const adds = new Map<JobKey, OperationOf<'add'>[]>();
  for (const operation of operations) {
    if (operation.f !== 'add' || operation.outcome === 'ok') continue;
    const known = adds.get(operation.call.key);
    if (known === undefined) adds.set(operation.call.key, [operation]);
    else known.push(operation);
  }
  return adds;
}

/** A read counts if it is linearizable and got a reply. */
function assignRead(operation: OperationOf<'getJob'>, jobOf: (id: number) => Growing): void {
  const { call, result } = operation;
  if (result === undefined || (call.consistency !== undefined && call.consistency !== 'linearizable')) return;
  const job = jobOf(call.job);
  job.reads.push(operation);
  if (result.key !== undefined) job.key ??= result.key;
}

/** A read of the log of a job that is gone has no result. */
function assignLog(operation: HistoryOperation, jobOf: (id: number) => Growing): void {
  if (operation.f === 'addLog' || operation.f === 'clearLogs') jobOf(operation.call.job).changes.push(operation);
  if (operation.f !== 'getLogs') return;
  const { call, result } = operation;
  if (result !== undefined && (call.consistency ?? 'linearizable') === 'linearizable') jobOf(call.job).logReads.push(operation);
}

/** A linearizable listing saw each of its jobs in the listed state. */
function assignListing({ call, result, ...span }: OperationOf<'jobIds'>, jobOf: (id: number) => Growing): void {
  if (result === undefined || (call.consistency !== undefined && call.consistency !== 'linearizable')) return;
  const state = JOB_STATES[call.state] ?? null;
  for (const id of result.ids) {
    const job = jobOf(id);
    job.queue ??= call.queue;
    job.reads.push({ ...span, f: 'getJob', call: { job: id }, result: { state } });
  }
}

function assign(operation: HistoryOperation, jobOf: (id: number) => Growing): void {
  switch (operation.f) {
    case 'add':
      if (operation.result !== undefined) {
        const job = jobOf(operation.result.job);
        job.adds.push(operation);
        job.key = operation.call.key;
      }
      break;
    case 'claim':
      for (const claimed of operation.result?.jobs ?? []) {
        const job = jobOf(claimed.job);
        job.claims.push({ ...claimed, operation });
        if (claimed.key !== undefined) job.key ??= claimed.key;
      }
      break;
    case 'getJob':
      assignRead(operation, jobOf);
      break;
    case 'jobIds':
      assignListing(operation, jobOf);
      break;
    case 'begin':
      jobOf(operation.call.job).begins.push(operation);
      break;
    case 'extend':
      jobOf(operation.call.job).extends.push(operation);
      break;
    case 'complete':
      jobOf(operation.call.job).completes.push(operation);
      break;
    case 'fail':
      jobOf(operation.call.job).fails.push(operation);
      break;
    case 'release':
      jobOf(operation.call.job).releases.push(operation);
      break;
    case 'retry':
      jobOf(operation.call.job).retries.push(operation);
      break;
    case 'remove':
    case 'removeAlone':
    case 'clean':
      jobOf(operation.call.job).removes.push(operation);
      break;
    case 'promote':
    case 'changePriority':
    case 'changeDelay':
    case 'updateProgress':
    case 'updateData':
    case 'removeUnprocessed':
    case 'removeDependency':
      jobOf(operation.call.job).changes.push(operation);
      break;
    default:
      // Of a log, or of no single job.
      assignLog(operation, jobOf);
  }
}

const emptyJob = (id: number): Growing => ({
  id,
  key: undefined,
  queue: undefined,
  adds: [],
  claims: [],
  begins: [],
  extends: [],
  completes: [],
  fails: [],
  releases: [],
  holderReleases: [],
  retries: [],
  removes: [],
  changes: [],
  reads: [],
  logReads: [],
});

/** The adds that may have added the job. */
export const possibleAddsOf = (job: JobHistory): readonly OperationOf<'add'>[] => job.adds.filter(mayHaveApplied);

/** Whether the job is of a flow: its parent, a child, or the removal of a parent may end it without a call that names it. */
export const isInFlow = ({ call }: OperationOf<'add'>): boolean => call.hasChildren === true || call.parentKey !== undefined;

/** The add of the job, if it is certain: the only possible one, or one of those with its key. */
export function addOf(job: JobHistory): OperationOf<'add'> | undefined {
  const [add, ...others] = possibleAddsOf(job);
  return others.length > 0 && job.key === undefined ? undefined : add;
}

/** Whether the job certainly had the priority of its add all the time. */
export const hasOnePriority = ({ changes }: JobHistory): boolean =>
  !changes.some((change) => change.f === 'changePriority' && mayHaveApplied(change));
