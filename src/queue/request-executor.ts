import { type ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { COMMAND_OF_CODE, COMMANDS } from '../protocol/commands.ts';
import { InvalidOperationError } from '../protocol/fields.ts';
import { NO_STATE } from '../protocol/job-state.ts';
import { LOG_PAGE_BYTES_MAX, OPERATIONS_MAX } from '../protocol/limits.ts';
import { ErrorCode } from '../protocol/reply.ts';
import type { RequestHeader } from '../protocol/request-encoder.ts';
import { OF_QUERIES, OperationReader } from '../protocol/request-reader.ts';
import type { Handler } from './execution.ts';
import { HANDLER_OF_CODE } from './handlers.ts';
import type { Job } from './job.ts';
import { APPLIED } from './job-edits.ts';
import type { JobStore } from './job-store.ts';
import { type Listing, LOOK_BYTES } from './listing.ts';
import type { NamedQueue } from './named-queue.ts';
import { OperationCounts } from './operation-counts.ts';
import type { QueryRun } from './query-run.ts';
import { type AttachmentSource, ReplyEncoder } from './reply-encoder.ts';
import { type TransactionRun, transact } from './transaction.ts';

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Decodes the operations of a request, executes them, and writes their results. */
export class RequestExecutor implements TransactionRun {
  readonly jobs: JobStore;
  readonly bytes: Pick<AttachmentSource, 'logRowsOf' | 'childValueOf'>;
  readonly replies = new ReplyEncoder();
  /** Of requests that are executed as a whole: those in the log. */
  readonly counts = new OperationCounts();
  operation = new OperationReader();
  /** The entry that contains the request, and its log time. */
  data = NO_BYTES;
  logMs = 0;
  #version = 1;
  /** The queue of the last add. Within an entry only creating a queue drops empty ones, and the created queue is then this one. */
  #selected: NamedQueue<Job> | undefined;
  /** Of the operation that is executed; its result is not written yet. */
  #listing: Listing | undefined;

  /** Records that the operation looked at. */
  #looked = 0;

  constructor(jobs: JobStore, bytes: Pick<AttachmentSource, 'logRowsOf' | 'childValueOf'>) {
    this.jobs = jobs;
    this.bytes = bytes;
  }

  look(count: number): void {
    this.#looked += count;
  }

  /** Queues were dropped. */
  deselect(): void {
    this.#selected = undefined;
  }

  /** The reply to a request that is rejected as a whole. */
  reject(header: RequestHeader, code: number): Uint8Array {
    this.replies.reject(header.client, header.sequence, Math.min(header.operations, OPERATIONS_MAX), code);
    return this.replies.finish();
  }

  /** The reply to the opening of a session, with its id. */
  opened(header: RequestHeader, sessionId: number, version: number): Uint8Array {
    this.replies.begin(header.client, header.sequence, version);
    this.replies.result('opened', { client: sessionId });
    return this.replies.finish();
  }

  /**
   * Executes a request and returns its reply head. The first malformed operation and all after it are rejected.
   * @param version of the state machine that the entry names.
   */
  execute(header: RequestHeader, reader: ByteReader, data: Uint8Array, logMs: number, version: number): Uint8Array {
    const { client, sequence, operations } = header;
    if (operations > OPERATIONS_MAX) {
      return this.reject(header, ErrorCode.invalidRequest);
    }
    this.replies.begin(client, sequence, version);
    this.operation.begin();
    this.data = data;
    this.logMs = logMs;
    this.#version = version;
    for (let done = 0; done < operations; done += 1) {
      if (this.#nextOperation(reader, version)) {
        this.replies.latestError = -1;
        (HANDLER_OF_CODE[this.operation.code] as Handler)(this);
        this.#completeListing();
        this.counts.add(this.operation.code, this.replies.latestError);
        continue;
      }
      for (let rejected = done; rejected < operations; rejected += 1) this.replies.error(ErrorCode.invalidRequest, 0, NO_STATE);
      break;
    }
    return this.replies.finish();
  }

  /**
   * Executes the next operations of a query until the jobs that they return have payloads of `bytesMax`, or listings looked at as much, and
   * at least one, unless a listing takes more turns.
   * @returns the head of the reply with their results; undefined without one.
   */
  executeNext(run: QueryRun, bytesMax: number): Uint8Array | undefined {
    const { header, reader, done: first } = run;
    const own = this.operation;
    this.operation = run.operation;
    this.replies.begin(header.client, header.sequence, OF_QUERIES);
    run.workBytes = 0;
    for (let bytes = 0; !run.isOver && bytes + run.workBytes < bytesMax; ) {
      if (run.listing === undefined) {
        if (this.#nextOperation(reader, OF_QUERIES)) {
          const before = this.replies.length;
          (HANDLER_OF_CODE[this.operation.code] as Handler)(this);
          bytes += this.#shownBytes() + this.replies.length - before;
          run.workBytes += this.#looked * LOOK_BYTES;
          this.#looked = 0;
        } else {
          this.replies.error(ErrorCode.invalidRequest, 0, NO_STATE);
        }
        run.listing = this.#takeListing();
      }
      if (this.#advanceListing(run)) run.done += 1;
    }
    this.operation = own;
    return run.done > first ? this.replies.finish() : undefined;
  }

  /**
   * Executes a request of a node itself, outside of any session. It may arrive twice, so only operations that change nothing the second
   * time are executed: those that name a token or a holder.
   */
  executeUnsessioned(header: RequestHeader, reader: ByteReader, version: number): void {
    this.operation.begin();
    this.replies.begin(header.client, header.sequence, version);
    for (let done = 0; done < header.operations && this.#nextOperation(reader, version); done += 1) {
      const { code } = this.operation;
      if (COMMAND_OF_CODE[code]?.isRepeatable === true) (HANDLER_OF_CODE[code] as Handler)(this);
    }
  }

  #shownBytes(): number {
    const { code, jobId, customId, scheduler } = this.operation;
    if (code === COMMANDS.getScheduler.code) return this.jobs.schedulers.find(this.knownQueue(), scheduler)?.spec.payload.length ?? 0;
    if (code === COMMANDS.getLogs.code) return Math.min(LOG_PAGE_BYTES_MAX, this.jobs.logs.get(jobId)?.bytes ?? 0);
    let job: Job | undefined;
    if (code === COMMANDS.getJob.code) job = this.jobs.table.get(jobId);
    else if (code === COMMANDS.findJob.code) job = this.knownQueue()?.jobOf(customId);
    return job === undefined ? 0 : job.replyBytes + job.end.outcomeLength;
  }

  #nextOperation(reader: ByteReader, version: number): boolean {
    try {
      this.operation.next(reader, version);
      return true;
    } catch (error) {
      if (error instanceof MalformedBytesError || error instanceof InvalidOperationError) return false;
      throw error;
    }
  }

  /** The queue of the operation, created if need be; `undefined` if there are too many. */
  openQueue(): NamedQueue<Job> | undefined {
    const { queueName } = this.operation;
    if (this.#selected?.name !== queueName) this.#selected = this.jobs.queues.open(queueName, this.jobs.version);
    return this.#selected;
  }

  /** The queue of the operation, if it exists. */
  knownQueue(): NamedQueue<Job> | undefined {
    const { queueName } = this.operation;
    return this.#selected?.name === queueName ? this.#selected : this.jobs.queues.byName.get(queueName);
  }

  /** Writes the result of a transition. @param outcome APPLIED or an ErrorCode. */
  result(outcome: number): void {
    if (outcome === APPLIED) this.replies.done();
    else this.replies.error(outcome, this.operation.jobId, this.jobs.table.get(this.operation.jobId)?.state ?? NO_STATE);
  }

  transact(): void {
    transact(this, this.#version);
  }

  /** See {@link TransactionRun}. */
  executeIn(operation: OperationReader): number {
    const outer = this.operation;
    this.operation = operation;
    this.replies.latestError = -1;
    (HANDLER_OF_CODE[operation.code] as Handler)(this);
    this.operation = outer;
    return this.replies.latestError;
  }

  /** The result is written once the listing is complete. */
  list(listing: Listing): void {
    this.#listing = listing;
  }

  #takeListing(): Listing | undefined {
    const listing = this.#listing;
    this.#listing = undefined;
    return listing;
  }

  /** One step of a query's listing, if it has one. @returns whether its operation has a result. */
  #advanceListing(run: QueryRun): boolean {
    const { listing } = run;
    if (listing === undefined) return true;
    const isComplete = listing.step();
    run.workBytes += listing.looked * LOOK_BYTES;
    if (!isComplete) return false;
    listing.writeResult(this.replies);
    run.listing = undefined;
    return true;
  }

  /** All steps at once, for a query that is executed as a whole. */
  #completeListing(): void {
    const listing = this.#takeListing();
    if (listing === undefined) return;
    let isComplete = false;
    while (!isComplete) isComplete = listing.step();
    listing.writeResult(this.replies);
  }
}
