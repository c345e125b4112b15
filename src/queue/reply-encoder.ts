import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { NO_STATE } from '../protocol/job-state.ts';
import { REPLY_FORM_AT, REPLY_HEADER_BYTES, ReplyForm } from '../protocol/reply.ts';
import {
  RESULTS,
  type ResultFields,
  type ResultItem,
  type ResultName,
  readFields,
  resultOfCode,
  rowOfResult,
  skipResult,
  writeFields,
} from '../protocol/results.ts';
import { type SchedulerTick, writeTick } from '../protocol/scheduler.ts';
import type { ChildLink } from './flow-link.ts';
import type { Job } from './job.ts';
import type { JobPolicy } from './named-queue.ts';

/** Where a job came from, if not from a plain add. */
export type JobOrigin = Pick<JobPolicy<Job>, 'customId' | 'tick'>;

/** Where the leader finds the bytes that a reply head leaves out. */
export interface AttachmentSource {
  /** The payload of a job, or `undefined` when the job is gone. */
  payloadOf(jobId: number): Uint8Array | undefined;
  /** The id that the job's client chose, or the tick that added it, if there is one and the job is there. */
  originOf(jobId: number): JobOrigin | undefined;
  /** The progress of a job, if it has one and the job is there. */
  progressOf(jobId: number): Uint8Array | undefined;
  /** What a job is deduplicated by, if it is and the job is there. */
  deduplicationIdOf(jobId: number): string | undefined;
  /** The value of a child that its parent keeps. */
  childValueOf(link: ChildLink): Uint8Array | undefined;
  /** Rows of the log of a job, from the one at this place to before another; none of a job without a log. */
  logRowsOf(jobId: number, start: number, end: number): Iterable<Uint8Array>;
  /** The outcome of a job if it is still of this kind. */
  outcomeOf(jobId: number, kind: number): Uint8Array | undefined;
}

/** Builds reply heads, one after the other in the same memory. The layout is in reply.ts. */
export class ReplyEncoder {
  readonly #to = new ByteWriter(4096);
  #form: number = ReplyForm.plain;
  #results = 0;
  #version = 1;
  /** The ErrorCode of the latest error; its reader clears it, to -1. */
  latestError = -1;

  /** Bytes of the reply so far. */
  get length(): number {
    return this.#to.length;
  }

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

  /** A result without a list. */
  result<Name extends ResultName>(name: Name, values: ResultFields<Name>): void {
    const { code, fields } = rowOfResult(name);
    this.#begin(code);
    // The type of `values` is derived from the row.
    writeFields(this.#to, fields, values as Readonly<Record<string, unknown>>);
  }

  /** A result that ends with a list. */
  list<Name extends ResultName>(name: Name, values: ResultFields<Name>, list: readonly ResultItem<Name>[]): void {
    this.result(name, values);
    const { items = [] } = rowOfResult(name);
    this.#to.u32(list.length);
    for (const item of list) writeFields(this.#to, items, item as Readonly<Record<string, unknown>>);
  }

  error(code: number, jobId: number, state: number): void {
    this.latestError = code;
    this.result('error', { code, jobId, state });
  }

  added(jobId: number): void {
    this.#begin(RESULTS.added.code);
    this.#to.f64(jobId);
  }

  /** Begins the result of a transaction; those of its operations follow. @returns what `endTransacted` needs. */
  beginTransacted(): number {
    this.#begin(RESULTS.transacted.code);
    return this.#to.reserve(8);
  }

  endTransacted(at: number, count: number): void {
    this.#to.patchU32(at, this.#to.length - at - 4);
    this.#to.patchU32(at + 4, count);
    // Those within it are none of the request.
    this.#results -= count;
  }

  /** @param operation the one that was rejected, from 0 on. */
  transactionRejected(operation: number, code: number, jobId: number, state: number): void {
    this.latestError = code;
    this.result('transactionRejected', { operation, code, jobId, state });
  }

  done(): void {
    this.#begin(RESULTS.done.code);
  }

  /** Begins a claim's result; the jobs follow by {@link claimedJob}. @returns what `endClaimed` needs. */
  beginClaimed(): number {
    this.#begin(this.#version === 1 ? RESULTS.claimed1.code : RESULTS.claimed.code);
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

  endClaimed(countAt: number, count: number): void {
    this.#to.patchU32(countAt, count);
    if (count > 0) this.#form = ReplyForm.attached;
  }

  /** @param dueMs when its delay or lease ends. */
  job(job: Job, dueMs: number): void {
    const { id, state, priority, attempt, token, addedMs, isBegun, stalls, policy, end } = job;
    this.result(this.#version === 1 ? 'job1' : 'job', {
      id,
      queue: job.queue.name,
      state,
      priority,
      attempt,
      attemptsMax: policy.attemptsMax,
      token,
      addedMs,
      dueMs,
      finishedMs: end.finished.ms,
      isBegun,
      stalls,
      outcome: end.outcomeKind,
    });
    this.#form = ReplyForm.attached;
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

  #begin(code: number): void {
    this.#results += 1;
    this.#to.u8(code);
  }
}

/** Of a job's id, the first field of a claimed job. */
const ID_BYTES = 8;

/** Memory that is kept from one reply to the next; a larger reply frees its memory. */
const RETAINED_BYTES_MAX = 256 * 1024;

/** Joins a reply head and what it leaves out: payloads, outcomes, custom ids, ticks, progress and deduplication ids. Without any it returns the head itself, which must not be changed. */
export class ReplyAttacher {
  #to = new ByteWriter(RETAINED_BYTES_MAX);
  readonly #source: AttachmentSource;
  /** Of the reply that is joined, by job. */
  readonly #customIds = new Map<number, string>();
  readonly #ticks = new Map<number, SchedulerTick>();
  readonly #progress = new Map<number, Uint8Array>();
  readonly #deduplicationIds = new Map<number, string>();

  constructor(source: AttachmentSource) {
    this.#source = source;
  }

  attach(replyHead: Uint8Array): Uint8Array {
    if (replyHead[REPLY_FORM_AT] !== ReplyForm.attached) return replyHead;
    const to = this.#to;
    to.reset();
    this.#customIds.clear();
    this.#ticks.clear();
    this.#progress.clear();
    this.#deduplicationIds.clear();
    to.raw(replyHead);
    const reader = new ByteReader(replyHead, REPLY_HEADER_BYTES - 4);
    const count = reader.u32();
    for (let read = 0; read < count; read += 1) this.#attachResult(reader);
    this.#attachExtras();
    if (to.length > RETAINED_BYTES_MAX) this.#to = new ByteWriter(RETAINED_BYTES_MAX);
    return to.copy();
  }

  /** A list is there if it, or one behind it, has anything: a client of an earlier release ignores those that it does not know. */
  #attachExtras(): void {
    const sizes = [this.#customIds.size, this.#ticks.size, this.#progress.size, this.#deduplicationIds.size];
    const last = sizes.findLastIndex((size) => size > 0);
    if (last >= 0) this.#attachTexts(this.#customIds);
    if (last >= 1) this.#attachTicks();
    if (last >= 2) this.#attachProgress();
    if (last >= 3) this.#attachTexts(this.#deduplicationIds);
  }

  #attachResult(reader: ByteReader): void {
    const row = resultOfCode(reader.u8());
    if (row.name === 'claimed' || row.name === 'claimed1') {
      const jobs = reader.u32();
      for (let read = 0; read < jobs; read += 1) {
        this.#attachPayload(reader.f64());
        reader.skip(row.itemBytes - ID_BYTES);
      }
    } else if (row.name === 'job' || row.name === 'job1') {
      // The type of the fields follows from the row's name.
      const { id, outcome } = readFields(reader, row.fields) as unknown as ResultFields<'job1'>;
      this.#attachPayload(id);
      this.#attachBytes(this.#source.outcomeOf(id, outcome));
    } else {
      skipResult(row, reader);
    }
  }

  #attachPayload(jobId: number): void {
    const origin = this.#source.originOf(jobId);
    if (origin?.customId !== undefined) this.#customIds.set(jobId, origin.customId);
    if (origin?.tick !== undefined) this.#ticks.set(jobId, origin.tick);
    this.#attachBytes(this.#source.payloadOf(jobId));
    const progress = this.#source.progressOf(jobId);
    if (progress !== undefined) this.#progress.set(jobId, progress);
    const deduplicationId = this.#source.deduplicationIdOf(jobId);
    if (deduplicationId !== undefined) this.#deduplicationIds.set(jobId, deduplicationId);
  }

  #attachProgress(): void {
    this.#to.u32(this.#progress.size);
    for (const [jobId, progress] of this.#progress) {
      this.#to.f64(jobId);
      this.#to.blob(progress);
    }
  }

  #attachTexts(texts: ReadonlyMap<number, string>): void {
    this.#to.u32(texts.size);
    for (const [jobId, text] of texts) {
      this.#to.f64(jobId);
      this.#to.text(text);
    }
  }

  #attachTicks(): void {
    this.#to.u32(this.#ticks.size);
    for (const [jobId, tick] of this.#ticks) {
      this.#to.f64(jobId);
      writeTick(this.#to, tick);
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
