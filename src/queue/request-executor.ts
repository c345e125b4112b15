import { type ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { type JobCounts, NO_STATE, StateCode } from '../protocol/job-state.ts';
import { OPERATIONS_MAX } from '../protocol/limits.ts';
import { ErrorCode } from '../protocol/reply.ts';
import { OperationCode, type RequestHeader } from '../protocol/request-encoder.ts';
import { InvalidOperationError, OF_QUERIES, OperationReader } from '../protocol/request-reader.ts';
import type { Job, LeaseTerms } from './job.ts';
import { APPLIED, type JobStore } from './job-store.ts';
import type { NamedQueue } from './named-queue.ts';
import type { QueryRun } from './query-run.ts';
import { ReplyEncoder } from './reply-encoder.ts';

const NO_BYTES = new Uint8Array(0);

export const NO_COUNTS: JobCounts = Object.freeze({ delayed: 0, waiting: 0, active: 0, completed: 0, failed: 0 });

/** Decodes the operations of a request, executes them, and writes their results. */
export class RequestExecutor {
  readonly #jobs: JobStore;
  readonly #replies = new ReplyEncoder();
  #operation = new OperationReader();
  /** The queue of the last add. Within an entry only creating a queue drops empty ones, and the created queue is then this one. */
  #selected: NamedQueue<Job> | undefined;

  constructor(jobs: JobStore) {
    this.#jobs = jobs;
  }

  /** Queues were dropped. */
  deselect(): void {
    this.#selected = undefined;
  }

  /** The reply to a request that is rejected as a whole. */
  reject(header: RequestHeader, code: number): Uint8Array {
    this.#replies.reject(header.client, header.sequence, Math.min(header.operations, OPERATIONS_MAX), code);
    return this.#replies.finish();
  }

  /** The reply to the opening of a session, with its id. */
  opened(header: RequestHeader, sessionId: number, version: number): Uint8Array {
    this.#replies.begin(header.client, header.sequence, version);
    this.#replies.opened(sessionId);
    return this.#replies.finish();
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
    this.#replies.begin(client, sequence, version);
    this.#operation.begin();
    for (let done = 0; done < operations; done += 1) {
      if (this.#nextOperation(reader, version)) {
        this.#perform(data, logMs);
        continue;
      }
      for (let rejected = done; rejected < operations; rejected += 1) this.#replies.error(ErrorCode.invalidRequest, 0, NO_STATE);
      break;
    }
    return this.#replies.finish();
  }

  /**
   * Executes the next operations of a query until the jobs that they return have payloads of `bytesMax`, and at least one.
   * @returns the head of the reply with their results.
   */
  executeNext(run: QueryRun, bytesMax: number): Uint8Array {
    const { header, reader } = run;
    const own = this.#operation;
    this.#operation = run.operation;
    this.#replies.begin(header.client, header.sequence, OF_QUERIES);
    for (let bytes = 0; !run.isOver && bytes < bytesMax; run.done += 1) {
      if (this.#nextOperation(reader, OF_QUERIES)) {
        this.#perform(NO_BYTES, 0);
        bytes += this.#shownBytes();
      } else {
        this.#replies.error(ErrorCode.invalidRequest, 0, NO_STATE);
      }
    }
    this.#operation = own;
    return this.#replies.finish();
  }

  /**
   * Executes a request of a node itself, outside of any session. It may arrive twice, so only operations that change nothing the second
   * time are executed: those that name a token or a holder.
   */
  executeUnsessioned(header: RequestHeader, reader: ByteReader, version: number): void {
    this.#operation.begin();
    for (let done = 0; done < header.operations && this.#nextOperation(reader, version); done += 1) {
      const { code, jobId, token, holder } = this.#operation;
      if (code === OperationCode.release) this.#jobs.release(jobId, token);
      else if (code === OperationCode.releaseHolder) this.#jobs.releaseHolder(holder);
    }
  }

  #shownBytes(): number {
    const { code, jobId } = this.#operation;
    const job = code === OperationCode.getJob ? this.#jobs.table.get(jobId) : undefined;
    return job === undefined ? 0 : job.length + job.end.outcomeLength;
  }

  #nextOperation(reader: ByteReader, version: number): boolean {
    try {
      this.#operation.next(reader, version);
      return true;
    } catch (error) {
      if (error instanceof MalformedBytesError || error instanceof InvalidOperationError) return false;
      throw error;
    }
  }

  #perform(data: Uint8Array, logMs: number): void {
    const operation = this.#operation;
    const { jobId, token } = operation;
    const jobs = this.#jobs;
    switch (operation.code) {
      case OperationCode.add:
        this.#onAdd(data);
        break;
      case OperationCode.claim:
      case OperationCode.claim1:
        this.#onClaim(logMs);
        break;
      case OperationCode.begin:
        this.#result(jobs.markBegun(jobId, token));
        break;
      case OperationCode.complete:
        this.#result(jobs.complete(jobId, token, data, operation.blobAt, operation.blobLength));
        break;
      case OperationCode.fail: {
        const reason = data.slice(operation.blobAt, operation.blobAt + operation.blobLength);
        this.#result(jobs.fail(jobId, token, reason, operation.retry));
        break;
      }
      case OperationCode.extend:
        this.#result(jobs.extend(jobId, token, operation.leaseMs, logMs));
        break;
      case OperationCode.release:
        this.#result(jobs.release(jobId, token));
        break;
      case OperationCode.releaseHolder:
        this.#result(jobs.releaseHolder(operation.holder));
        break;
      case OperationCode.retry:
        this.#result(jobs.retry(operation.queueName, jobId));
        break;
      case OperationCode.retry1:
        this.#result(jobs.retry(undefined, jobId));
        break;
      case OperationCode.remove:
        this.#result(jobs.remove(operation.queueName, jobId));
        break;
      case OperationCode.remove1:
        this.#result(jobs.remove(undefined, jobId));
        break;
      case OperationCode.heldJobs:
        this.#onHeldJobs();
        break;
      case OperationCode.counts:
        this.#replies.counts(jobs.queues.byName.get(operation.queueName) ?? NO_COUNTS);
        break;
      case OperationCode.getJob: {
        const job = jobs.table.get(jobId);
        if (job === undefined) this.#replies.error(ErrorCode.jobNotFound, jobId, NO_STATE);
        else this.#replies.job(job, job.state === StateCode.active ? jobs.leaseEndMs(job) : job.dueMs);
        break;
      }
      default:
        // Only openSession of version 1 is left: the session exists by now. In version 2 it is alone in its request and not executed here.
        this.#replies.done();
    }
  }

  #onAdd(data: Uint8Array): void {
    const { queueName } = this.#operation;
    if (this.#selected?.name !== queueName) this.#selected = this.#jobs.queues.open(queueName, this.#jobs.version);
    if (this.#selected === undefined) this.#replies.error(ErrorCode.queueLimit, 0, NO_STATE);
    else this.#replies.added(this.#jobs.add(this.#selected, this.#operation, data).id);
  }

  #onClaim(logMs: number): void {
    const { queueName, countMax, beginMax, leaseMs, stalledMax, holder } = this.#operation;
    const terms: LeaseTerms = { leaseMs, stalledMax, holder };
    const countAt = this.#replies.beginClaimed();
    const queue = this.#selected?.name === queueName ? this.#selected : this.#jobs.queues.byName.get(queueName);
    let count = 0;
    let begun = 0;
    for (; queue !== undefined && count < countMax; count += 1) {
      const job = this.#jobs.claim(queue, terms, begun < beginMax, logMs);
      if (job === undefined) break;
      if (job.isBegun) begun += 1;
      this.#replies.claimedJob(job);
    }
    this.#replies.endClaimed(countAt, count);
  }

  /** In no order. */
  #onHeldJobs(): void {
    const { holder, countMax } = this.#operation;
    const held: Job[] = [];
    for (const job of this.#jobs.leases.values()) {
      if (job.terms.holder === holder) held.push(job);
      if (held.length === countMax) break;
    }
    this.#replies.held(held);
  }

  #result(outcome: number): void {
    if (outcome === APPLIED) this.#replies.done();
    else this.#replies.error(outcome, this.#operation.jobId, this.#jobs.table.get(this.#operation.jobId)?.state ?? NO_STATE);
  }
}
