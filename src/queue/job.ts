import { StateCode } from './job-state.ts';
import type { NamedQueue } from './named-queue.ts';
import { OutcomeKind } from './reply.ts';

/** What the adder asked for; shared by all jobs that were added alike. */
export interface JobPolicy {
  readonly attemptsMax: number;
  /** A position in BACKOFF_TYPES. */
  readonly backoff: number;
  readonly backoffMs: number;
  readonly keepCompleted: number;
  readonly keepFailed: number;
}

/** Bits of `Job.flags`: what the checkpoint knows of the job. None of them belongs to the logical state. */
export const JobFlag = Object.freeze({
  /** Changed since the last checkpoint. */
  dirty: 1,
  /** The checkpoint has a row of the job. */
  rowStored: 2,
  contentStored: 4,
  outcomeStored: 8,
  outcomeDirty: 16,
});

/**
 * One job. A flat record, since there may be millions: contents are not objects of their own but places in the log
 * entry they came with, and are dropped from memory once a checkpoint holds them.
 */
export class Job {
  readonly id: number;
  readonly queue: NamedQueue;
  readonly policy: JobPolicy;
  readonly priority: number;
  readonly addedMs: number;
  state: number = StateCode.removed;
  flags = 0;
  /** Attempts begun and charged; never above `policy.attemptsMax`. An attempt whose lease ends is a stall instead (version 1: stays charged). */
  attempt = 0;
  /** Active: the processor has begun, and `attempt` counts it. */
  isBegun = false;
  /** How often in a row the job was begun and its lease ended. */
  stalls = 0;
  /** Active: how many stalls the worker that holds it allows. Otherwise 0, as the next two. */
  stalledMax = 0;
  /** Active: the term of the lease when it was claimed or extended last; 0 when it was in version 1. */
  leaseMs = 0;
  /** Active: the process that holds the lease. */
  holder = 0;
  /** The fencing token of the latest claim, 0 before the first. */
  token = 0;
  /** Delayed: when it becomes waiting, in wall time. Active: when its lease ends, in log time, or later: see `JobStore.leaseEndMs`. Otherwise 0. */
  dueMs = 0;
  /** When it was completed or failed, otherwise 0. */
  finishedMs = 0;
  /** Grows with every finished job: the order of retention. 0 unless finished. */
  finishOrder = 0;
  /** Position in the heap of its deadline, or -1. Kept by DueHeap. */
  heapAt = -1;
  /** The memory that holds the content: the data of the entry that brought it. Undefined once the checkpoint does. */
  chunk: Uint8Array | undefined;
  /** Where it begins in the entry's data. */
  offset = 0;
  length = 0;
  /** Once the checkpoint holds the content: its place in the record that it shares with neighbours, or `ALONE`, or `IN_ENTRY`. */
  packedAt = 0;
  /** Index of the entry that brought the content, if the checkpoint keeps that entry for it; otherwise 0. */
  entry = 0;
  outcomeKind: number = OutcomeKind.none;
  /** The result or the reason; undefined when there is none or once the checkpoint holds it. */
  outcome: Uint8Array | undefined = undefined;
  outcomeLength = 0;
  /** Neighbours among the finished jobs that the queue keeps. Kept by KeptList. */
  older: Job | undefined = undefined;
  newer: Job | undefined = undefined;

  constructor(id: number, queue: NamedQueue, policy: JobPolicy, priority: number, addedMs: number) {
    this.id = id;
    this.queue = queue;
    this.policy = policy;
    this.priority = priority;
    this.addedMs = addedMs;
    this.chunk = undefined;
  }
}
