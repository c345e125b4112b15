import { type ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import type { Deduplication } from '../protocol/deduplication.ts';
import type { Policy } from '../protocol/policy.ts';
import { policyInResult } from '../protocol/scheduler.ts';
import type { Job } from './job.ts';
import type { NamedQueue } from './named-queue.ts';

/** What an add asks for, apart from its deduplication. */
export interface NewJob {
  readonly policy: Policy;
  /** Empty without one. */
  readonly customId: string;
  readonly priority: number;
  readonly delayMs: number;
  /** The memory that holds the payload; it must never change. */
  readonly chunk: Uint8Array;
  readonly payloadAt: number;
  readonly payloadLength: number;
}

/** An add that is executed when an active job ends: its payload is the whole of `chunk`. */
export interface KeptAdd extends NewJob {
  readonly deduplication: Deduplication;
}

/** No end: the id is taken until the job ends. */
export const NO_END_OF_ID = 0;

/** What a job that was added with a deduplication id has beside its fields; it stays behind the job for as long as that has taken the id. */
export class DeduplicatedJob {
  /** Of the job. */
  readonly id: number;
  readonly queue: NamedQueue<Job>;
  readonly deduplicationId: string;
  /** The id of the job that its client chose, empty without one. */
  readonly customId: string;
  /** It has taken the id: adds with it are duplicates. */
  isHolder = false;
  /** When the id is free again, in log time; {@link NO_END_OF_ID} if that is when the job ends. Maintained by DeduplicationTable. */
  dueMs = NO_END_OF_ID;
  /** Position in the heap of ends, or -1. Maintained by DeadlineHeap. */
  heapAt = -1;
  /** The last duplicate that was added while the job was active, if it is kept. */
  next: KeptAdd | undefined = undefined;
  /** The job is there, in any state. Not on disk. */
  hasJob = true;
  /** The checkpoint has a record of it. */
  isStored = false;

  constructor(id: number, queue: NamedQueue<Job>, deduplicationId: string, customId: string) {
    this.id = id;
    this.queue = queue;
    this.deduplicationId = deduplicationId;
    this.customId = customId;
  }
}

const HOLDER = 1;
const HAS_NEXT = 2;
const EXTENDING = 1;
const REPLACING = 2;
const KEEPS_LAST = 4;

/**
 * ```
 * [f64 queue][text deduplicationId][text customId][u8 parts]
 * 1  [f64 dueMs]                                  it has taken the id
 * 2  [f64 ttlMs][u8 flags][blob policy][text customId][u32 priority][f64 delayMs][blob payload]     the add that is kept
 * ```
 */
export function writeDeduplicatedJob(to: ByteWriter, job: DeduplicatedJob): void {
  const { queue, deduplicationId, customId, isHolder, dueMs, next } = job;
  to.f64(queue.number);
  to.text(deduplicationId);
  to.text(customId);
  to.u8((isHolder ? HOLDER : 0) | (next === undefined ? 0 : HAS_NEXT));
  if (isHolder) to.f64(dueMs);
  if (next === undefined) return;
  const { ttlMs, isExtending, isReplacing, keepsLast } = next.deduplication;
  to.f64(ttlMs);
  to.u8((isExtending ? EXTENDING : 0) | (isReplacing ? REPLACING : 0) | (keepsLast ? KEEPS_LAST : 0));
  policyInResult.write(to, next.policy);
  to.text(next.customId);
  to.u32(next.priority);
  to.f64(next.delayMs);
  to.blob(next.chunk);
}

/** @param queues by number. @throws {MalformedBytesError} */
export function readDeduplicatedJob(id: number, from: ByteReader, queues: ReadonlyMap<number, NamedQueue<Job>>): DeduplicatedJob {
  const queue = queues.get(from.f64());
  if (queue === undefined) throw new MalformedBytesError(`the deduplicated job ${id} is in a queue that does not exist`);
  const job = new DeduplicatedJob(id, queue, from.text(), from.text());
  const parts = from.u8();
  job.isStored = true;
  job.isHolder = (parts & HOLDER) !== 0;
  if (job.isHolder) job.dueMs = from.f64();
  if ((parts & HAS_NEXT) !== 0) job.next = readKeptAdd(job.deduplicationId, from);
  return job;
}

function readKeptAdd(id: string, from: ByteReader): KeptAdd {
  const ttlMs = from.f64();
  const flags = from.u8();
  const policy = policyInResult.read(from);
  const [customId, priority, delayMs] = [from.text(), from.u32(), from.f64()];
  // A copy, so that one payload does not keep the whole record in memory.
  const chunk = from.blob().slice();
  const [isExtending, isReplacing, keepsLast] = [EXTENDING, REPLACING, KEEPS_LAST].map((flag) => (flags & flag) !== 0) as [
    boolean,
    boolean,
    boolean,
  ];
  const deduplication = { id, ttlMs, isExtending, isReplacing, keepsLast };
  return { policy, customId, priority, delayMs, chunk, payloadAt: 0, payloadLength: chunk.length, deduplication };
}
