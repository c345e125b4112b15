import { invariant } from '../base/invariant.ts';
import { type QueueEvent, readEvents, rowOfEvent } from '../protocol/events.ts';
import { JOB_STATES, type JobState } from '../protocol/job-state.ts';
import type { EventRing } from './event-ring.ts';
import type { JobStore } from './job-store.ts';

/** The states of a job whose events end with it: it is gone once it is in one of them and not in the table. */
const MAY_BE_GONE: readonly (JobState | 'gone')[] = ['completed', 'failed', 'gone'];

/**
 * The recordings of events: their ids are without gaps, their bounds are kept, and each change of a job's state has exactly one event. The
 * latest one of a job names its state now, and each one the state that the one before it ended with.
 * @throws {InvariantViolation}
 */
export function checkEvents(jobs: JobStore, logMs: number): void {
  const { events, queues } = jobs;
  let bytes = 0;
  let blocks = 0;
  for (const ring of events.rings()) {
    const what = (): string => `recording ${ring.number} of queue ${ring.queue.name}`;
    invariant(queues.byName.get(ring.queue.name) === ring.queue && ring.queue.events === ring, () => `${what()} is not found`);
    invariant(jobs.isBehind || ring.dueMs > logMs, () => `${what()} goes on at ${logMs}, and the last subscription ended at ${ring.dueMs}`);
    invariant(ring.blocks.length <= 1 || ring.count <= events.bounds.eventsPerQueueMax, () => `${what()} keeps ${ring.count} events`);
    invariant(ring.blocks.length <= 1 || ring.bytes <= events.bounds.eventsPerQueueBytesMax, () => `${what()} keeps ${ring.bytes} bytes`);
    checkChanges(jobs, contentOf(ring, what), what);
    bytes += ring.bytes;
    blocks += ring.blocks.length;
  }
  for (const queue of queues.byName.values())
    invariant(queue.events === undefined || events.rings().includes(queue.events), () => `queue ${queue.name} records into nothing`);
  const inOrder = [...events.blocks()];
  invariant(inOrder.length === blocks, () => `${blocks} blocks of events are counted as ${inOrder.length}`);
  invariant(bytes === events.bytes, () => `${bytes} bytes of events are counted as ${events.bytes}`);
  invariant(bytes <= events.bounds.eventsBytesMax || blocks <= 1, () => `${bytes} bytes of events are kept`);
  for (const [at, block] of inOrder.entries())
    invariant(at === 0 || (inOrder[at - 1]?.number ?? 0) < block.number, () => `block ${block.number} of events is behind a later one`);
}

/** The events of a recording, whose ids follow each other. */
function contentOf(ring: EventRing, what: () => string): QueueEvent[] {
  const all: QueueEvent[] = [];
  let nextId = ring.firstId;
  let bytes = 0;
  for (const block of ring.blocks) {
    invariant(block.firstId === nextId, () => `${what()} has event ${block.firstId} behind ${nextId - 1}`);
    const events = readEvents(block.bytes);
    invariant(
      events.length === block.count && block.count > 0,
      () => `${what()} has ${events.length} events where it counts ${block.count}`,
    );
    nextId += block.count;
    bytes += block.bytes.length;
    for (const event of events) all.push(event);
  }
  invariant(nextId === ring.nextId, () => `${what()} ends with event ${nextId - 1}, and has given the id ${ring.lastId}`);
  invariant(bytes === ring.bytes, () => `${what()} has ${bytes} bytes and counts ${ring.bytes}`);
  return all;
}

function checkChanges(jobs: JobStore, events: readonly QueueEvent[], what: () => string): void {
  const latest = new Map<number, JobState | 'gone' | undefined>();
  for (const { name, jobId, prev } of events) {
    const { to } = rowOfEvent(name);
    if (name === 'added') {
      invariant(!latest.has(jobId), () => `${what()} reports the add of job ${jobId} behind another event of it`);
      latest.set(jobId, undefined);
      continue;
    }
    // A new delay of a delayed job is no change of its state.
    if (to === undefined) continue;
    const before = latest.get(jobId);
    invariant(!latest.has(jobId) || before === prev, () => `${what()} reports job ${jobId} as ${name} after ${prev}, and it was ${before}`);
    latest.set(jobId, to === 'gone' ? 'gone' : JOB_STATES[to]);
  }
  for (const [jobId, state] of latest) {
    const job = jobs.table.get(jobId);
    if (job === undefined)
      invariant(MAY_BE_GONE.includes(state ?? 'waiting'), () => `${what()} misses what became of job ${jobId}, ${state}`);
    else invariant(JOB_STATES[job.state] === state, () => `${what()} reports job ${jobId} as ${state}, and it is ${JOB_STATES[job.state]}`);
  }
}
