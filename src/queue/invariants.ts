import { invariant } from '../base/invariant.ts';
import { StateCode } from '../protocol/job-state.ts';
import { OutcomeKind } from '../protocol/reply.ts';
import { NO_TICK } from '../protocol/scheduler.ts';
import type { DeadlineHeap } from './deadline-heap.ts';
import { checkDeduplications } from './deduplication-invariants.ts';
import { checkEvents } from './event-invariants.ts';
import type { FinishedList } from './finished-list.ts';
import { checkFlows } from './flow-invariants.ts';
import { type Job, NO_TERMS } from './job.ts';
import type { JobStore } from './job-store.ts';
import { checkLogs } from './log-invariants.ts';
import type { NamedQueue } from './named-queue.ts';
import type { SessionTable } from './session.ts';
import { STATE_BOUNDS, type StateBounds } from './state-bounds.ts';

/**
 * Checks the invariants of the design that are visible in the state alone: 1 and 2 (leases and tokens), 5 (states, indexes and counts
 * agree), 6 (attempts), 7 (fields of finished jobs). Reads the whole state.
 * @throws {InvariantViolation} with the job, queue or session and the invariant that it breaks.
 */
export function checkJobStore(jobs: JobStore, logMs: number): void {
  const counted = new Map<NamedQueue<Job>, number[]>();
  const withIds = new Map<NamedQueue<Job>, number>();
  let withProgress = 0;
  let total = 0;
  for (const job of jobs.table.jobs()) {
    checkJob(job, jobs);
    const states = counted.get(job.queue) ?? [0, 0, 0, 0, 0, 0];
    states[job.state] = (states[job.state] as number) + 1;
    counted.set(job.queue, states);
    if (job.policy.customId !== undefined) withIds.set(job.queue, (withIds.get(job.queue) ?? 0) + 1);
    if (jobs.progress.get(job) !== undefined) withProgress += 1;
    total += 1;
  }
  invariant(withProgress === jobs.progress.size, () => `${withProgress} jobs have a progress, and ${jobs.progress.size} are kept`);
  invariant(total === jobs.table.size, () => `the table counts ${jobs.table.size} jobs and holds ${total}`);
  for (const queue of jobs.queues.byName.values()) {
    checkPace(queue, jobs, logMs);
    checkQueue(queue, counted.get(queue) ?? [0, 0, 0, 0, 0, 0], jobs);
    const count = withIds.get(queue) ?? 0;
    invariant(queue.customIds === count, () => `queue ${queue.name} has ${queue.customIds} custom ids and ${count} jobs with one`);
  }
  checkHeap(jobs.leases, [StateCode.active], 'active');
  checkHeap(jobs.delayed, [StateCode.delayed], 'delayed');
  checkHeap(jobs.keptForTime, [StateCode.completed, StateCode.failed], 'kept');
  const { dueMs = Number.POSITIVE_INFINITY } = jobs.keptForTime.top() ?? {};
  invariant(jobs.isBehind || dueMs > jobs.wallMs, () => `a job is kept until ${dueMs}, and is there at ${jobs.wallMs}`);
  checkTokens(jobs);
  checkSchedulers(jobs);
  checkLogs(jobs);
  checkFlows(jobs);
  checkEvents(jobs, logMs);
  checkDeduplications(jobs, logMs);
}

/** How long a finished job is kept; 0 without a limit, and for other jobs. */
function keepMsOf({ state, policy }: Job): number {
  if (state === StateCode.completed) return policy.keepCompletedMs;
  return state === StateCode.failed ? policy.keepFailedMs : 0;
}

function checkJob(job: Job, jobs: JobStore): void {
  const { id, state, attempt, policy } = job;
  invariant(id >= 1 && id < jobs.nextJobId, () => `job ${id} has an id that was never given out`);
  invariant(jobs.queues.byName.get(job.queue.name) === job.queue, () => `job ${id} is in a queue that does not exist`);
  invariant(state >= StateCode['waiting-children'] && state <= StateCode.failed, () => `job ${id} has the invalid state ${state}`);
  invariant(attempt >= 0 && attempt <= policy.attemptsMax, () => `job ${id} has begun ${attempt} of ${policy.attemptsMax} attempts`);
  const { customId } = policy;
  invariant(
    customId === undefined || job.queue.jobOf(customId) === job,
    () => `job ${id} has the custom id "${customId}", by which it is not found`,
  );
  const isTimed = state === StateCode.active || state === StateCode.delayed || keepMsOf(job) > 0;
  invariant(job.heapAt >= 0 === isTimed, () => `job ${id} in state ${state} has position ${job.heapAt} in a deadline heap`);
  invariant(
    isTimed || state === StateCode['waiting-children'] || job.dueMs === 0,
    () => `job ${id} in state ${state} is due at ${job.dueMs}`,
  );
  const isFinished = state === StateCode.completed || state === StateCode.failed;
  const { finished, finishOrder, outcomeKind } = job.end;
  invariant(finishOrder > 0 === isFinished, () => `job ${id} in state ${state} finished as number ${finishOrder}`);
  invariant(isFinished || finished.ms === 0, () => `job ${id} in state ${state} finished at ${finished.ms}`);
  const isActive = state === StateCode.active;
  if (job.isBegun) invariant(isActive && attempt >= 1, () => `job ${id} in state ${state} is begun at attempt ${attempt}`);
  else if (isActive) invariant(attempt < policy.attemptsMax, () => `job ${id} is claimed ahead with no attempt left`);
  invariant(isActive || job.terms === NO_TERMS, () => `job ${id} in state ${state} keeps the terms of a lease`);
  if (state === StateCode.waiting || state === StateCode.delayed) {
    invariant(attempt < policy.attemptsMax, () => `job ${id} has no attempt left and is not failed`);
  }
  if (state === StateCode.failed) invariant(outcomeKind === OutcomeKind.reason, () => `job ${id} failed without a reason`);
}

function checkQueue(queue: NamedQueue<Job>, states: readonly number[], jobs: JobStore): void {
  const expectCount = (what: string, count: number, state: number): void =>
    invariant(count === states[state], () => `queue ${queue.name} counts ${count} ${what} jobs and has ${states[state]}`);
  expectCount('waiting-children', queue.waitingChildren, StateCode['waiting-children']);
  expectCount('delayed', queue.delayed, StateCode.delayed);
  expectCount('waiting', queue.waiting, StateCode.waiting);
  expectCount('active', queue.active, StateCode.active);
  expectCount('completed', queue.completed, StateCode.completed);
  expectCount('failed', queue.failed, StateCode.failed);
  const seen = new Set<Job>();
  for (const job of queue.index.jobs()) {
    invariant(!seen.has(job), () => `job ${job.id} waits twice`);
    invariant(
      jobs.table.get(job.id) === job && job.queue === queue,
      () => `job ${job.id} waits in queue ${queue.name} without being there`,
    );
    seen.add(job);
  }
  invariant(seen.size === queue.waiting, () => `queue ${queue.name} has ${queue.waiting} waiting jobs and indexes ${seen.size}`);
  checkKept(queue.keptCompleted, StateCode.completed, queue);
  checkKept(queue.keptFailed, StateCode.failed, queue);
}

/** No limit is exceeded, and no window outlasts its end. */
function checkPace({ name, pace, active }: NamedQueue<Job>, jobs: JobStore, logMs: number): void {
  if (pace === undefined) return;
  const { activeMax, window } = pace;
  invariant(!pace.isUnused, () => `queue ${name} keeps limits that limit nothing`);
  invariant(active <= activeMax, () => `queue ${name} has ${active} active jobs, and at most ${activeMax} may be`);
  if (window === undefined) return;
  const { taken, max, endMs } = window;
  invariant(taken <= max, () => `claims took ${taken} jobs of queue ${name}, and at most ${max} were allowed until ${endMs}`);
  invariant(jobs.isBehind || endMs > logMs, () => `a window of queue ${name} ended at ${endMs}, and still runs at ${logMs}`);
  invariant(jobs.windows.nextEndMs <= endMs, () => `the window of queue ${name} ends at ${endMs} and is not due then`);
}

function checkKept(kept: FinishedList<Job>, state: number, queue: NamedQueue<Job>): void {
  let latest = 0;
  let count = 0;
  for (const job of kept.jobs()) {
    invariant(job.state === state && job.queue === queue, () => `job ${job.id} is kept by queue ${queue.name} in the state ${job.state}`);
    invariant(job.end.finishOrder > latest, () => `job ${job.id} is kept out of order`);
    latest = job.end.finishOrder;
    count += 1;
  }
  invariant(count === kept.size, () => `queue ${queue.name} keeps ${count} jobs and counts ${kept.size}`);
}

function checkHeap(heap: DeadlineHeap<Job>, states: readonly number[], what: string): void {
  const jobs = heap.values();
  for (let at = 0; at < jobs.length; at += 1) {
    const job = jobs[at] as Job;
    invariant(job.heapAt === at && states.includes(job.state), () => `job ${job.id} in state ${job.state} is in the heap of ${what} jobs`);
    const parent = jobs[(at - 1) >> 1];
    const isOrdered = at === 0 || parent === undefined || parent.dueMs < job.dueMs || (parent.dueMs === job.dueMs && parent.id < job.id);
    invariant(isOrdered, () => `job ${job.id} is below a later deadline`);
  }
}

function checkTokens(jobs: JobStore): void {
  const tokens = new Set<number>();
  for (const job of jobs.leases.values()) {
    invariant(job.token > 0 && job.token < jobs.nextToken, () => `job ${job.id} holds the token ${job.token}, which was never given out`);
    invariant(!tokens.has(job.token), () => `the token ${job.token} is held twice`);
    tokens.add(job.token);
  }
}

/** Each job scheduler has a tick before it, within its bounds, and is where it is found. */
function checkSchedulers({ schedulers, queues }: JobStore): void {
  const counted = new Map<NamedQueue<Job>, number>();
  let bytes = 0;
  for (const one of schedulers.values()) {
    const { id, key, queue, spec, ticks, dueMs, afterMs, heapAt } = one;
    const what = (): string => `job scheduler ${id} ("${key}" of ${queue.name})`;
    counted.set(queue, (counted.get(queue) ?? 0) + 1);
    bytes += spec.payload.length;
    invariant(queues.byName.get(queue.name) === queue, () => `${what()} is in a queue that does not exist`);
    invariant(schedulers.find(queue, key) === one && schedulers.get(id) === one, () => `${what()} is not found`);
    invariant(!one.isExhausted, () => `${what()} has had ${ticks} of ${spec.ticksMax} ticks`);
    invariant(!one.isOverAt(dueMs), () => `${what()} ticks at ${dueMs}, behind its end at ${spec.endMs}`);
    const isWaiting = dueMs === NO_TICK;
    invariant(isWaiting === heapAt < 0 && isWaiting === schedulers.isWaiting(one), () => `${what()} is due at ${dueMs}, at ${heapAt}`);
    invariant(!isWaiting || spec.everyMs === 0, () => `${what()} waits for its next tick, which is in ${spec.everyMs} ms`);
    invariant(isWaiting || ticks === 0 || dueMs > afterMs, () => `${what()} ticks at ${dueMs}, not after ${afterMs}`);
  }
  for (const queue of queues.byName.values()) {
    const count = counted.get(queue) ?? 0;
    invariant(queue.schedulers === count, () => `queue ${queue.name} counts ${queue.schedulers} job schedulers and has ${count}`);
  }
  invariant(bytes === schedulers.bytes, () => `${bytes} bytes of templates are counted as ${schedulers.bytes}`);
  const timed = schedulers.timed();
  timed.forEach((one, at) => {
    const parent = timed[(at - 1) >> 1] ?? one;
    const isOrdered = parent.dueMs < one.dueMs || (parent.dueMs === one.dueMs && parent.id <= one.id);
    invariant(one.heapAt === at && isOrdered, () => `job scheduler ${one.id} is below a later tick`);
  });
}

/** The memory of replies is within its bounds and in order. @throws {InvariantViolation} */
export function checkSessions(sessions: SessionTable, clockMs: number, bounds: StateBounds = STATE_BOUNDS): void {
  let count = 0;
  let latest = 0;
  for (const session of sessions.sessions()) {
    const { client, replies } = session;
    count += 1;
    invariant(sessions.get(client) === session, () => `the session of client ${client} cannot be found`);
    invariant(session.touchOrder > latest && session.lastMs <= clockMs, () => `the session of client ${client} is out of order`);
    latest = session.touchOrder;
    invariant(replies.size <= bounds.sessionRepliesMax, () => `client ${client} has ${replies.size} remembered replies`);
    let bytes = 0;
    for (const [sequence, reply] of replies) {
      bytes += reply.length;
      // It may be in a closed hole between evicted sequences: then the reply counts.
      invariant(sequence >= session.acknowledgedBelow, () => `client ${client} has a reply to ${sequence} that it no longer needs`);
    }
    invariant(bytes === session.replyBytes, () => `client ${client} has ${bytes} bytes of replies and counts ${session.replyBytes}`);
  }
  invariant(count === sessions.size && count <= bounds.sessionsMax, () => `${count} sessions are in order, ${sessions.size} are known`);
}
