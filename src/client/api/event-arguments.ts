import { type EventName, type QueueEvent, timeOf } from '../../protocol/events.ts';
import type { JobState } from '../../protocol/job-state.ts';
import { decodeValue } from '../payload.ts';
import type { JobProgress } from './job-changes.ts';

/** What each event of a job has. */
export interface JobEvent {
  /** As `job.id`. */
  readonly jobId: string;
}

/** What each change of a job's state has. */
export interface JobStateEvent extends JobEvent {
  /** The state before. Undefined for a job that was just added. */
  readonly prev?: JobState;
}

/**
 * What the listeners of a QueueEvents get, by BullMQ's names. The id of an event is a text that {@link QueueEvents} takes as `lastEventId`; `timestamp` is when it
 * happened, in wall-clock milliseconds by the log.
 */
export interface QueueEventArguments {
  /** The job is in the queue; 'waiting' or 'delayed' follows. */
  added: [args: JobEvent, id: string, timestamp: number];
  /** An add named the `jobId` of a job that is there: nothing was added. */
  duplicated: [args: JobEvent, id: string, timestamp: number];
  /** An add named a deduplication id that this job has taken: nothing was added, at least not now. */
  deduplicated: [args: JobEvent & { readonly deduplicationId: string }, id: string, timestamp: number];
  waiting: [args: JobStateEvent, id: string, timestamp: number];
  /** It waits for its children. */
  'waiting-children': [args: JobStateEvent, id: string, timestamp: number];
  /** `delay`: when it becomes waiting, in wall-clock milliseconds. Also of a delayed job whose delay was changed. */
  delayed: [args: JobStateEvent & { readonly delay: number }, id: string, timestamp: number];
  /** A worker has the job. */
  active: [args: JobStateEvent, id: string, timestamp: number];
  progress: [args: JobEvent & { readonly data: JobProgress }, id: string, timestamp: number];
  /** A worker lost the job: 'waiting' or 'failed' follows. */
  stalled: [args: JobEvent, id: string, timestamp: number];
  /** `isLeftOut`: the result is longer than 4 KiB; `queue.getJob()` has it if the job is kept. */
  completed: [args: JobStateEvent & { readonly returnvalue: unknown; readonly isLeftOut: boolean }, id: string, timestamp: number];
  /** It failed for good. A reason longer than 4 KiB is cut. */
  failed: [args: JobStateEvent & { readonly failedReason: string }, id: string, timestamp: number];
  /** The last of its attempts has failed; 'failed' follows. */
  'retries-exhausted': [args: JobEvent & { readonly attemptsMade: number }, id: string, timestamp: number];
  /** A client removed it. Jobs that a queue does not keep after their end have no such event. */
  removed: [args: JobStateEvent, id: string, timestamp: number];
  paused: [args: object, id: string, timestamp: number];
  resumed: [args: object, id: string, timestamp: number];
  /** A job has ended, and no other waits or is active. */
  drained: [id: string, timestamp: number];
}

type ArgumentsOf = { readonly [Name in EventName]: (event: QueueEvent, id: string) => QueueEventArguments[Name] };

const utf8 = new TextDecoder();
const jobIdOf = ({ jobId, customId }: QueueEvent): string => (customId === '' ? String(jobId) : customId);
const ofJob = (event: QueueEvent): JobEvent => ({ jobId: jobIdOf(event) });
const changed = (event: QueueEvent): JobStateEvent => ({ ...ofJob(event), ...(event.prev === undefined ? {} : { prev: event.prev }) });

const ARGUMENTS: ArgumentsOf = {
  added: (event, id) => [ofJob(event), id, event.atMs],
  duplicated: (event, id) => [ofJob(event), id, event.atMs],
  deduplicated: (event, id) => [{ ...ofJob(event), deduplicationId: utf8.decode(event.detail) }, id, event.atMs],
  waiting: (event, id) => [changed(event), id, event.atMs],
  'waiting-children': (event, id) => [changed(event), id, event.atMs],
  delayed: (event, id) => [{ ...changed(event), delay: timeOf(event.detail) }, id, event.atMs],
  active: (event, id) => [changed(event), id, event.atMs],
  // The only cast: updateProgress() encodes nothing else.
  progress: (event, id) => [{ ...ofJob(event), data: decoded(event.detail) as JobProgress }, id, event.atMs],
  stalled: (event, id) => [ofJob(event), id, event.atMs],
  completed: (event, id) => [{ ...changed(event), returnvalue: decoded(event.detail), isLeftOut: event.isCut }, id, event.atMs],
  failed: (event, id) => [{ ...changed(event), failedReason: utf8.decode(event.detail) }, id, event.atMs],
  'retries-exhausted': (event, id) => [{ ...ofJob(event), attemptsMade: event.attempt }, id, event.atMs],
  removed: (event, id) => [changed(event), id, event.atMs],
  paused: (event, id) => [{}, id, event.atMs],
  resumed: (event, id) => [{}, id, event.atMs],
  drained: (event, id) => [id, event.atMs],
};

/** What listeners of the event get. */
export const argumentsOf = (event: QueueEvent, id: string): QueueEventArguments[EventName] => ARGUMENTS[event.name](event, id);

/** Undefined for bytes that no client of this kind encoded. */
function decoded(detail: Uint8Array): unknown {
  try {
    return decodeValue(detail);
  } catch {
    return undefined;
  }
}
