import { StateCode } from './job-state.ts';
import type { NamedQueue } from './named-queue.ts';
import { OutcomeKind } from './reply.ts';

/** The terms of a lease; shared by all jobs that were claimed together. */
export interface LeaseTerms {
  /** When it was claimed or extended last. */
  readonly leaseMs: number;
  /** How many stalls the worker that holds the job allows. */
  readonly stalledMax: number;
  /** The process that holds the lease. */
  readonly holder: number;
}

/** Of a job that is not active, and of one that was claimed in version 1. */
export const NO_TERMS: LeaseTerms = Object.freeze({ leaseMs: 0, stalledMax: 0, holder: 0 });

/** What the adder asked for; shared by all jobs that were added alike. */
export interface JobPolicy {
  readonly attemptsMax: number;
  /** A position in BACKOFF_TYPES. */
  readonly backoff: number;
  readonly backoffMs: number;
  readonly keepCompleted: number;
  readonly keepFailed: number;
}

/** A wall time in milliseconds. All jobs that it stamps share it: a number of its own would cost each of them 16 bytes. */
export interface WallTime {
  readonly ms: number;
}

export const NEVER: WallTime = Object.freeze({ ms: 0 });

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
  readonly added: WallTime;
  state: number = StateCode.removed;
  flags = 0;
  /** Attempts begun and charged; never above `policy.attemptsMax`. An attempt whose lease ends is a stall instead (version 1: stays charged). */
  attempt = 0;
  /** Active: the processor has begun, and `attempt` counts it. */
  isBegun = false;
  /** How often in a row the job was begun and its lease ended. */
  stalls = 0;
  terms = NO_TERMS;
  /** The fencing token of the latest claim, 0 before the first. */
  token = 0;
  /** Delayed: when it becomes waiting, in wall time. Active: when its lease ends, in log time, or later: see `JobStore.leaseEndMs`. Otherwise 0. */
  dueMs = 0;
  /** When it was completed or failed. */
  finished = NEVER;
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

  constructor(id: number, queue: NamedQueue, policy: JobPolicy, priority: number, added: WallTime) {
    this.id = id;
    this.queue = queue;
    this.policy = policy;
    this.priority = priority;
    this.added = added;
    this.chunk = undefined;
  }

  get addedMs(): number {
    return this.added.ms;
  }

  /** 0 unless it was completed or failed. */
  get finishedMs(): number {
    return this.finished.ms;
  }
}
