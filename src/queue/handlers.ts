import { invariant } from '../base/invariant.ts';
import { COMMAND_NAMES, COMMANDS, type CommandName } from '../protocol/commands.ts';
import { NO_STATE, StateCode } from '../protocol/job-state.ts';
import { ErrorCode } from '../protocol/reply.ts';
import { faultInTimes, readSchedulerHead } from '../protocol/scheduler.ts';
import { addDeduplicated, getDeduplicationJob, removeDeduplication } from './deduplication-handlers.ts';
import type { Execution, Handler } from './execution.ts';
import { addFlow, listChildren, removeDependency, showParent } from './flow-handlers.ts';
import type { Job, LeaseTerms } from './job.ts';
import { APPLIED } from './job-edits.ts';
import { JobListing } from './job-listing.ts';
import { addLog, clearLogs, getLogs } from './log-handlers.ts';
import { QueueListing } from './queue-listing.ts';
import { NO_LIMIT } from './queue-pace.ts';
import type { RateLimit } from './rate-window.ts';
import type { SchedulerSpec } from './scheduler.ts';
import { listSchedulers } from './scheduler-listing.ts';

export const NO_COUNTS = Object.freeze({ delayed: 0, waiting: 0, active: 0, completed: 0, failed: 0, waitingChildren: 0 });

const HANDLERS = {
  // Of version 1: the session exists by now. From version 2 on it is alone in its request and not executed here.
  openSession: ({ replies }) => replies.done(),
  add,
  addWithId: add,
  claim1: (run) => claim(run, { leaseMs: run.operation.leaseMs, stalledMax: 0, holder: 0 }, run.operation.countMax),
  claim: (run) => {
    const { leaseMs, stalledMax, holder, beginMax } = run.operation;
    claim(run, { leaseMs, stalledMax, holder }, beginMax);
  },
  claimLimited: (run) => {
    const { leaseMs, stalledMax, holder, beginMax, limiterMax, limiterMs } = run.operation;
    claim(run, { leaseMs, stalledMax, holder }, beginMax, { max: limiterMax, durationMs: limiterMs });
  },
  begin: (run) => run.result(run.jobs.markBegun(run.operation.jobId, run.operation.token)),
  extend: (run) => run.result(run.jobs.extend(run.operation.jobId, run.operation.token, run.operation.leaseMs, run.logMs)),
  complete: (run) => {
    const { jobId, token, blobAt, blobLength } = run.operation;
    run.result(run.jobs.complete(jobId, token, run.data, blobAt, blobLength));
  },
  fail: (run) => {
    const { jobId, token, blobAt, blobLength, retry } = run.operation;
    run.result(run.jobs.fail(jobId, token, run.data.slice(blobAt, blobAt + blobLength), retry));
  },
  release: (run) => run.result(run.jobs.release(run.operation.jobId, run.operation.token)),
  releaseHolder: (run) => run.result(run.jobs.releaseHolder(run.operation.holder)),
  retry: (run) => run.result(run.jobs.retry(run.operation.queueName, run.operation.jobId)),
  retry1: (run) => run.result(run.jobs.retry(undefined, run.operation.jobId)),
  remove: (run) => run.result(run.jobs.remove(run.operation.queueName, run.operation.jobId)),
  remove1: (run) => run.result(run.jobs.remove(undefined, run.operation.jobId)),
  counts: (run) => run.replies.result('counts', run.knownQueue() ?? NO_COUNTS),
  getJob: (run) => showJob(run, run.jobs.table.get(run.operation.jobId), run.operation.jobId),
  findJob: (run) => showJob(run, run.knownQueue()?.jobOf(run.operation.customId), 0),
  heldJobs: ({ jobs, replies, operation: { holder, countMax } }) => {
    const held: Job[] = [];
    for (const job of jobs.leases.values()) {
      if (job.terms.holder === holder) held.push(job);
      if (held.length === countMax) break;
    }
    replies.list('held', {}, held);
  },
  pause: (run) => {
    const { isPaused } = run.operation;
    const queue = isPaused ? run.openQueue() : run.knownQueue();
    if (queue !== undefined) run.jobs.setPaused(queue, isPaused);
    run.replies.done();
  },
  isPaused: (run) => run.replies.result('paused', { isPaused: run.knownQueue()?.isPaused ?? false }),
  setConcurrency: (run) => {
    const { concurrencyMax } = run.operation;
    const queue = concurrencyMax === NO_LIMIT ? run.knownQueue() : run.openQueue();
    if (queue !== undefined) run.jobs.setConcurrency(queue, concurrencyMax);
    run.replies.done();
  },
  concurrency: (run) => run.replies.result('concurrency', { concurrencyMax: run.knownQueue()?.pace?.concurrencyMax ?? NO_LIMIT }),
  setRateLimit: (run) => {
    const { rateMax, rateMs } = run.operation;
    const queue = rateMax === NO_LIMIT ? run.knownQueue() : run.openQueue();
    const rate = rateMax === NO_LIMIT ? undefined : { max: rateMax, durationMs: rateMs };
    if (queue !== undefined) run.jobs.setRate(queue, rate, run.logMs);
    run.replies.done();
  },
  rateLimit: (run) => {
    const { max = NO_LIMIT, durationMs = 0 } = run.knownQueue()?.pace?.rate ?? {};
    run.replies.result('rateLimit', { rateMax: max, rateMs: durationMs });
  },
  holdClaims: (run) => {
    const { holdMs } = run.operation;
    const queue = holdMs === 0 ? run.knownQueue() : run.openQueue();
    if (queue !== undefined) run.jobs.holdClaims(queue, holdMs, run.logMs);
    run.replies.done();
  },
  rateLimitTtl: (run) =>
    run.replies.result('rateLimitTtl', { ttlMs: run.knownQueue()?.pace?.heldMs(run.operation.takenMin, run.logMs) ?? 0 }),
  jobIds: (run) => run.list(new JobListing(run.jobs, run.knownQueue(), run.operation)),
  promote: (run) => run.result(run.jobs.promote(run.operation.queueName, run.operation.jobId)),
  clean: (run) => {
    const { queueName, jobId, state, graceMs } = run.operation;
    const customId = run.jobs.table.get(jobId)?.policy.customId ?? '';
    const outcome = run.jobs.clean(queueName, jobId, state, graceMs);
    if (outcome === APPLIED) run.replies.result('removed', { customId });
    else run.result(outcome);
  },
  upsertScheduler,
  removeScheduler: (run) => run.result(run.jobs.removeScheduler(run.knownQueue(), run.operation.scheduler)),
  advanceScheduler: (run) => {
    const { schedulerNumber, afterMs, nextMs } = run.operation;
    run.jobs.advanceScheduler(schedulerNumber, afterMs, nextMs);
    run.replies.done();
  },
  getScheduler: (run) => {
    const found = run.jobs.schedulers.find(run.knownQueue(), run.operation.scheduler);
    if (found === undefined) run.replies.error(ErrorCode.schedulerNotFound, 0, NO_STATE);
    else run.replies.result('scheduler', { ...found.spec, nextMs: found.dueMs, ticks: found.ticks });
  },
  schedulerIds: (run) => {
    const { isDescending, start, countMax } = run.operation;
    run.replies.result('schedulerIds', listSchedulers(run.jobs.schedulers.of(run.knownQueue()), isDescending, start, countMax));
  },
  changePriority: (run) => run.result(run.jobs.changePriority(run.operation.queueName, run.operation.jobId, run.operation.priority)),
  changeDelay: (run) => run.result(run.jobs.changeDelay(run.operation.queueName, run.operation.jobId, run.operation.delayMs)),
  updateProgress: (run) => {
    const { queueName, jobId, token, blobAt, blobLength } = run.operation;
    run.result(run.jobs.updateProgress(queueName, jobId, token, run.data.slice(blobAt, blobAt + blobLength)));
  },
  updateData: (run) => {
    const { queueName, jobId, token, blobAt, blobLength } = run.operation;
    run.result(run.jobs.updateData(queueName, jobId, token, run.data, blobAt, blobLength));
  },
  addDeduplicated,
  getDeduplicationJob,
  removeDeduplication,
  subscribeEvents: (run) => {
    const queue = run.knownQueue()?.events === undefined && !run.jobs.events.hasSpace ? undefined : run.openQueue();
    const ring = queue === undefined ? undefined : run.jobs.events.subscribe(queue, run.logMs + run.operation.ttlMs);
    run.replies.result('subscribed', { recording: ring?.number ?? 0, first: ring?.firstId ?? 0, last: ring?.lastId ?? 0 });
  },
  readEvents: (run) => {
    const { recording, afterId, countMax } = run.operation;
    run.replies.result('events', run.jobs.events.read(run.knownQueue(), recording, afterId, countMax));
  },
  transact: (run) => run.transact(),
  addLog,
  clearLogs,
  getLogs,
  queueNames: (run) => run.list(new QueueListing(run.jobs.queues, run.operation)),
  addFlow,
  removeAlone: (run) => run.result(run.jobs.removeAlone(run.operation.queueName, run.operation.jobId)),
  removeUnprocessed: (run) => run.result(run.jobs.removeUnprocessed(run.operation.queueName, run.operation.jobId)),
  removeDependency,
  children: listChildren,
  parentOf: showParent,
  stateCounts: (run) => run.replies.result('stateCounts', run.knownQueue() ?? NO_COUNTS),
} satisfies { readonly [Name in CommandName]: Handler };

/** By the code of the command. */
export const HANDLER_OF_CODE: readonly (Handler | undefined)[] = COMMAND_NAMES.reduce<(Handler | undefined)[]>((handlers, name) => {
  handlers[COMMANDS[name].code] = HANDLERS[name];
  return handlers;
}, []);

function add(run: Execution): void {
  const queue = run.openQueue();
  if (queue === undefined) run.replies.error(ErrorCode.queueLimit, 0, NO_STATE);
  else run.replies.added(run.jobs.add(queue, run.operation, run.data).id);
}

function upsertScheduler(run: Execution): void {
  const { jobs, operation, replies, data } = run;
  const { everyMs, offsetMs, startMs, endMs, ticksMax, priority, isImmediate, policy, blobAt, blobLength } = operation;
  const bytes = data.subarray(blobAt, blobAt + blobLength);
  const { payloadAt, ...head } = readSchedulerHead(bytes);
  invariant(policy !== undefined, () => `job scheduler "${head.scheduler}" is set without a policy`);
  // Copied: it stays longer than its entry.
  const payload = bytes.slice(payloadAt);
  const spec: SchedulerSpec = { ...head, everyMs, offsetMs, startMs, endMs, ticksMax, priority, policy, payload };
  if (faultInTimes(spec) !== undefined) {
    replies.error(ErrorCode.invalidRequest, 0, NO_STATE);
    return;
  }
  const queue = jobs.schedulers.hasSpaceFor(run.knownQueue(), spec) ? run.openQueue() : undefined;
  if (queue === undefined) {
    replies.error(ErrorCode.schedulerLimit, 0, NO_STATE);
    return;
  }
  jobs.setScheduler(queue, spec, isImmediate);
  replies.done();
}

/** @param jobId what the operation names; 0 if that is no number. */
function showJob({ jobs, replies }: Execution, job: Job | undefined, jobId: number): void {
  if (job === undefined) replies.error(ErrorCode.jobNotFound, jobId, NO_STATE);
  else replies.job(job, job.state === StateCode.active ? jobs.leaseEndMs(job) : job.dueMs);
}

function claim(run: Execution, terms: LeaseTerms, beginMax: number, limiter?: RateLimit): void {
  const { jobs, replies, logMs } = run;
  const countAt = replies.beginClaimed();
  const queue = run.knownQueue();
  // Under a limit no worker gets jobs ahead, which others may begin at once; one that begins none by its claims gets one at a time.
  const isLimited = limiter !== undefined || queue?.pace !== undefined;
  const countMax = isLimited ? Math.min(run.operation.countMax, Math.max(1, beginMax)) : run.operation.countMax;
  let count = 0;
  let begun = 0;
  for (; queue !== undefined && count < countMax; count += 1) {
    const job = jobs.claim(queue, terms, begun < beginMax, logMs, limiter);
    if (job === undefined) break;
    if (job.isBegun) begun += 1;
    replies.claimedJob(job);
  }
  replies.endClaimed(countAt, count);
}
