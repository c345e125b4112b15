import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { type JobCounts, NO_STATE } from '../protocol/job-state.ts';
import {
  CLAIMED_JOB_1_BYTES,
  CLAIMED_JOB_BYTES,
  JOB_1_TAIL_BYTES,
  JOB_TAIL_BYTES,
  REPLY_FORM_AT,
  REPLY_HEADER_BYTES,
  ReplyForm,
  ResultCode,
  skipResult,
} from '../protocol/reply.ts';
import type { Job } from './job.ts';

/** Where the leader finds the bytes that a reply head leaves out. */
export interface AttachmentSource {
  /** The payload of a job, or `undefined` when the job is gone. */
  payloadOf(jobId: number): Uint8Array | undefined;
  /** The outcome of a job if it is still of this kind. */
  outcomeOf(jobId: number, kind: number): Uint8Array | undefined;
}

/** Builds reply heads, one after the other in the same memory. The layout is in reply.ts. */
export class ReplyEncoder {
  readonly #to = new ByteWriter(4096);
  #form: number = ReplyForm.plain;
  #results = 0;
  #version = 1;

  /** @param version of the state machine that executes the request: replicas of any release remember the same bytes. */
  begin(client: number, sequence: number, version: number): void {
    this.#version = version;
    const to = this.#to;
    to.reset();
    to.f64(client);
    to.f64(sequence);
    to.u8(ReplyForm.plain);
    to.u32(0);
    this.#form = ReplyForm.plain;
    this.#results = 0;
  }

  error(code: number, jobId: number, state: number): void {
    this.#result(ResultCode.error);
    this.#to.u8(code);
    this.#to.f64(jobId);
    this.#to.u8(state);
  }

  added(jobId: number): void {
    this.#result(ResultCode.added);
    this.#to.f64(jobId);
  }

  /** Begins a claim's result; the jobs follow by {@link claimedJob}. @returns what `endClaimed` needs. */
  beginClaimed(): number {
    this.#result(this.#version === 1 ? ResultCode.claimed1 : ResultCode.claimed);
    return this.#to.reserve(4);
  }

  claimedJob(job: Job): void {
    const to = this.#to;
    to.f64(job.id);
    to.f64(job.token);
    to.u32(job.isBegun ? job.attempt : job.attempt + 1);
    to.u32(job.policy.attemptsMax);
    to.f64(job.addedMs);
    if (this.#version === 1) return;
    to.u8(job.isBegun ? 1 : 0);
    to.u32(job.stalls);
  }

  opened(client: number): void {
    this.#result(ResultCode.opened);
    this.#to.f64(client);
  }

  endClaimed(countAt: number, count: number): void {
    this.#to.patchU32(countAt, count);
    if (count > 0) this.#form = ReplyForm.attached;
  }

  done(): void {
    this.#result(ResultCode.done);
  }

  counts(counts: JobCounts): void {
    this.#result(ResultCode.counts);
    this.#to.f64(counts.delayed);
    this.#to.f64(counts.waiting);
    this.#to.f64(counts.active);
    this.#to.f64(counts.completed);
    this.#to.f64(counts.failed);
  }

  held(jobs: readonly Job[]): void {
    this.#result(ResultCode.held);
    this.#to.u32(jobs.length);
    for (const { id, token } of jobs) {
      this.#to.f64(id);
      this.#to.f64(token);
    }
  }

  /** @param dueMs when its delay or lease ends. */
  job(job: Job, dueMs: number): void {
    this.#result(this.#version === 1 ? ResultCode.job1 : ResultCode.job);
    this.#form = ReplyForm.attached;
    const to = this.#to;
    to.f64(job.id);
    to.text(job.queue.name);
    to.u8(job.state);
    to.u32(job.priority);
    to.u32(job.attempt);
    to.u32(job.policy.attemptsMax);
    to.f64(job.token);
    to.f64(job.addedMs);
    to.f64(dueMs);
    to.f64(job.end.finished.ms);
    if (this.#version !== 1) {
      to.u8(job.isBegun ? 1 : 0);
      to.u32(job.stalls);
    }
    to.u8(job.end.outcomeKind);
  }

  /** Replaces everything written by one error for all `count` results. */
  reject(client: number, sequence: number, count: number, code: number): void {
    this.begin(client, sequence, this.#version);
    this.error(code, 0, NO_STATE);
    this.#form = ReplyForm.rejected;
    this.#results = count;
  }

  /** @returns the reply head, in memory of its own. */
  finish(): Uint8Array {
    this.#to.patchU32(REPLY_HEADER_BYTES - 4, this.#results);
    const bytes = this.#to.copy();
    bytes[REPLY_FORM_AT] = this.#form;
    return bytes;
  }

  #result(code: number): void {
    this.#results += 1;
    this.#to.u8(code);
  }
}

/** Memory that is kept from one reply to the next; a larger reply frees its memory. */
const RETAINED_BYTES_MAX = 256 * 1024;

/** Joins a reply head and the payloads that it leaves out. Without any it returns the head itself, which must not be changed. */
export class ReplyAttacher {
  #to = new ByteWriter(RETAINED_BYTES_MAX);
  readonly #source: AttachmentSource;

  constructor(source: AttachmentSource) {
    this.#source = source;
  }

  attach(replyHead: Uint8Array): Uint8Array {
    if (replyHead[REPLY_FORM_AT] !== ReplyForm.attached) return replyHead;
    const to = this.#to;
    to.reset();
    to.raw(replyHead);
    const reader = new ByteReader(replyHead, REPLY_HEADER_BYTES - 4);
    const count = reader.u32();
    for (let read = 0; read < count; read += 1) this.#attachResult(reader);
    if (to.length > RETAINED_BYTES_MAX) this.#to = new ByteWriter(RETAINED_BYTES_MAX);
    return to.copy();
  }

  #attachResult(reader: ByteReader): void {
    const code = reader.u8();
    if (code === ResultCode.claimed || code === ResultCode.claimed1) {
      const rest = (code === ResultCode.claimed ? CLAIMED_JOB_BYTES : CLAIMED_JOB_1_BYTES) - 8;
      const jobs = reader.u32();
      for (let read = 0; read < jobs; read += 1) {
        this.#attachBytes(this.#source.payloadOf(reader.f64()));
        reader.skip(rest);
      }
    } else if (code === ResultCode.job || code === ResultCode.job1) {
      const jobId = reader.f64();
      reader.skip(reader.u32());
      reader.skip((code === ResultCode.job ? JOB_TAIL_BYTES : JOB_1_TAIL_BYTES) - 1);
      const outcomeKind = reader.u8();
      this.#attachBytes(this.#source.payloadOf(jobId));
      this.#attachBytes(this.#source.outcomeOf(jobId, outcomeKind));
    } else {
      skipResult(code, reader);
    }
  }

  #attachBytes(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.#to.u8(0);
      return;
    }
    this.#to.u8(1);
    this.#to.blob(bytes);
  }
}
