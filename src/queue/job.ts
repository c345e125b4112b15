import { StateCode } from '../protocol/job-state.ts';
import { PROGRESS_BYTES_MAX } from '../protocol/limits.ts';
import { OutcomeKind } from '../protocol/reply.ts';
import type { JobPolicy, NamedQueue } from './named-queue.ts';

/** The terms of a lease; shared by all jobs that were claimed together. */
export interface LeaseTerms {
  /** The term of an active job's lease, in ms: its duration from the last claim or extension. */
  readonly leaseMs: number;
  /** Number of stalls that the worker of the job allows. */
  readonly stalledMax: number;
  /** The process that holds the lease. */
  readonly holder: number;
}

/** The terms of a job that is not active, and of one that was claimed in version 1. */
export const NO_TERMS: LeaseTerms = Object.freeze({ leaseMs: 0, stalledMax: 0, holder: 0 });

/** A wall time in milliseconds. All jobs with the same time share it: a number of its own would cost each of them 16 bytes. */
export interface WallTime {
  readonly ms: number;
}

export const NEVER: WallTime = Object.freeze({ ms: 0 });

/** Bits of `Job.flags`: what the checkpoint has of the job. None of them belongs to the logical state. */
export const JobFlag = Object.freeze({
  /** Changed since the last checkpoint. */
  dirty: 1,
  /** The checkpoint has a row of the job. */
  rowStored: 2,
  payloadStored: 4,
  outcomeStored: 8,
  outcomeDirty: 16,
  progressStored: 32,
  progressDirty: 64,
});

/** How a job's latest attempt ended, and its place among the finished jobs. Separate from the job, since most jobs in memory have none. */
export class JobEnd {
  /** When the job was completed or failed. */
  finished = NEVER;
  /** Increases with every finished job: the order of retention. 0 unless finished. */
  finishOrder = 0;
  outcomeKind: number = OutcomeKind.none;
  /** The result or the reason; undefined if there is none or once the checkpoint holds it. */
  outcome: Uint8Array | undefined = undefined;
  outcomeLength = 0;
  /** Neighbours among the finished jobs that the queue keeps. Maintained by FinishedList. */
  older: Job | undefined = undefined;
  newer: Job | undefined = undefined;
}

/** The end of a job that is not finished and has no outcome. */
export const NO_END: Readonly<JobEnd> = Object.freeze(new JobEnd());

/** `Job.#bits` from its lowest bit: seven for the flags of `JobFlag`, one each for `isBegun` and `hasProgress`, and the state above them. */
const FLAG_BITS = 0x7f;
const BEGUN_BIT = 0x80;
const PROGRESS_BIT = 0x100;
const STATE_SHIFT = 9;
const BELOW_STATE = (1 << STATE_SHIFT) - 1;

/**
 * One job. A flat record of 160 bytes, since there may be millions. Payloads are not objects of their own but offsets in the log
 * entry that brought them, and leave memory once a checkpoint holds them. Each field costs the garbage collector of a node's thread, which
 * copies surviving objects twice: fields that few jobs need, or many jobs share, are in separate objects.
 */
export class Job {
  readonly id: number;
  readonly policy: JobPolicy<Job>;
  readonly priority: number;
  readonly added: WallTime;
  /** State, `isBegun` and flags in one number. */
  #bits: number = StateCode.removed << STATE_SHIFT;
  /** Attempts begun and charged, at most `policy.attemptsMax`. If the lease expires, a stall replaces the attempt (not in version 1). */
  attempt = 0;
  /** Times in a row that the job was begun and its lease expired. */
  stalls = 0;
  /** Active: the terms of its lease. {@link NO_TERMS} otherwise, and in version 1. */
  terms = NO_TERMS;
  /** The fencing token of the latest claim, 0 before the first. */
  token = 0;
  /** Delayed: when it becomes waiting, in wall time. Active: when its lease ends, in log time, or later (`JobStore.leaseEndMs`). Finished: until when it is kept, in wall time, if that has an end. Else 0. */
  dueMs = 0;
  /** Position in the deadline heap, or -1. Maintained by DeadlineHeap. */
  heapAt = -1;
  /** The memory that holds the payload: the data of the entry that brought it. Undefined once the checkpoint holds it. */
  entryData: Uint8Array | undefined;
  /** Offset of the payload in the entry's data. */
  offset = 0;
  length = 0;
  /** Once the checkpoint holds the payload: its position in the record that it shares with neighbours, or `ALONE`, or `IN_ENTRY`. `REPLACED` since it was replaced. */
  packPosition = 0;
  /** Index of the entry that brought the payload, if the checkpoint keeps that entry for it; otherwise 0. */
  entry = 0;
  end: Readonly<JobEnd> = NO_END;

  constructor(id: number, policy: JobPolicy<Job>, priority: number, added: WallTime) {
    this.id = id;
    this.policy = policy;
    this.priority = priority;
    this.added = added;
    this.entryData = undefined;
  }

  get queue(): NamedQueue<Job> {
    return this.policy.queue;
  }

  /** A value of StateCode. */
  get state(): number {
    return this.#bits >> STATE_SHIFT;
  }

  set state(state: number) {
    this.#bits = (this.#bits & BELOW_STATE) | (state << STATE_SHIFT);
  }

  /** Active: the processor has begun, and `attempt` counts it. */
  get isBegun(): boolean {
    return (this.#bits & BEGUN_BIT) !== 0;
  }

  set isBegun(isBegun: boolean) {
    this.#bits = isBegun ? this.#bits | BEGUN_BIT : this.#bits & ~BEGUN_BIT;
  }

  /** Whether the table of progress has that of the job. Maintained by ProgressTable. */
  get hasProgress(): boolean {
    return (this.#bits & PROGRESS_BIT) !== 0;
  }

  set hasProgress(hasProgress: boolean) {
    this.#bits = hasProgress ? this.#bits | PROGRESS_BIT : this.#bits & ~PROGRESS_BIT;
  }

  /** Most bytes of the job in the reply to a claim. */
  get replyBytes(): number {
    return this.hasProgress ? this.length + PROGRESS_BYTES_MAX : this.length;
  }

  /** Bits of JobFlag. */
  get flags(): number {
    return this.#bits & FLAG_BITS;
  }

  set flags(flags: number) {
    this.#bits = (this.#bits & ~FLAG_BITS) | flags;
  }

  get addedMs(): number {
    return this.added.ms;
  }

  /** The same job with another priority, in no index. Not the job itself changes: an index may keep it until it is skipped as a removed one. */
  withPriority(priority: number): Job {
    const copy = new Job(this.id, this.policy, priority, this.added);
    copy.#bits = this.#bits;
    copy.attempt = this.attempt;
    copy.stalls = this.stalls;
    copy.terms = this.terms;
    copy.token = this.token;
    copy.dueMs = this.dueMs;
    copy.entryData = this.entryData;
    copy.offset = this.offset;
    copy.length = this.length;
    copy.packPosition = this.packPosition;
    copy.entry = this.entry;
    copy.end = this.end;
    return copy;
  }

  /** The end of this job, created if need be, which may be changed. */
  ownEnd(): JobEnd {
    if (this.end === NO_END) this.end = new JobEnd();
    return this.end;
  }
}
