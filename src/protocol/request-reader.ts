import type { ByteReader } from '../base/bytes.ts';
import { MalformedBytesError } from '../base/bytes.ts';
import { BACKOFF_TYPES, OperationCode } from '../protocol/request-encoder.ts';
import {
  ATTEMPTS_MAX,
  CLAIM_COUNT_MAX,
  DURATION_MS_MAX,
  KEEP_MAX,
  PRIORITY_MAX,
  QUEUE_NAME_BYTES_MAX,
  REASON_BYTES_MAX,
  STALLED_MAX,
} from './limits.ts';
import { MACHINE_VERSION } from './machine-version.ts';

/** The bytes are well formed, but a value is not allowed. The message says what to change. */
export class InvalidOperationError extends Error {
  readonly code = 'INVALID_OPERATION';

  constructor(message: string) {
    super(message);
    this.name = 'InvalidOperationError';
  }
}

/** Means "all" in the numbers of jobs to keep, as a u32. */
const KEEP_ALL = 2 ** 32 - 1;

/**
 * Reads the operations of one request after the other into its own fields, so that decoding allocates nothing. After
 * `next()` the fields of that operation are valid; the selected queue and policy stay until they are replaced.
 */
export class OperationReader {
  code = 0;
  /** The selected queue, or empty if none is. */
  queueName = '';
  hasPolicy = false;
  attemptsMax = 1;
  backoff = 0;
  backoffMs = 0;
  keepCompleted = 0;
  keepFailed = 0;
  delayMs = 0;
  priority = 0;
  countMax = 0;
  /** Offset of `countMax` in the bytes that are read. */
  countAt = 0;
  beginMax = 0;
  stalledMax = 0;
  holder = 0;
  leaseMs = 0;
  waitMs = 0;
  jobId = 0;
  token = 0;
  retry = false;
  /** Offset of the payload, result or reason in the bytes that are read. */
  blobAt = 0;
  blobLength = 0;

  /** Clears the selections of the request before. */
  begin(): void {
    this.queueName = '';
    this.hasPolicy = false;
  }

  /**
   * @param version of the state machine that executes the operation, ANY_VERSION or OF_QUERIES: it determines the valid codes.
   * @throws {MalformedBytesError | InvalidOperationError} in which case the fields are not valid.
   */
  next(reader: ByteReader, version: number): void {
    let code = reader.u8();
    while (code === OperationCode.useQueue || code === OperationCode.usePolicy) {
      if (code === OperationCode.useQueue) this.#readQueue(reader);
      else this.#readPolicy(reader);
      code = reader.u8();
    }
    this.code = code;
    if (!isKnownTo(version, code)) throw new MalformedBytesError(`operation of code ${code}, unknown to version ${version}`);
    switch (code) {
      case OperationCode.add:
        this.#readAdd(reader);
        break;
      case OperationCode.claim:
        this.#readClaim(reader);
        break;
      case OperationCode.claim1:
        this.#readClaim1(reader);
        break;
      case OperationCode.complete:
        this.#readLease(reader);
        this.#readBlob(reader);
        break;
      case OperationCode.fail:
        this.#readFail(reader);
        break;
      case OperationCode.extend:
        this.#readLease(reader);
        this.leaseMs = readLeaseMs(reader);
        break;
      case OperationCode.release:
      case OperationCode.begin:
        this.#readLease(reader);
        break;
      case OperationCode.retry:
      case OperationCode.remove:
        this.#needQueue();
        this.#readJob(reader);
        break;
      case OperationCode.getJob:
      case OperationCode.retry1:
      case OperationCode.remove1:
        this.#readJob(reader);
        break;
      case OperationCode.releaseHolder:
        this.holder = readHolder(reader);
        break;
      case OperationCode.heldJobs:
        this.holder = readHolder(reader);
        this.countMax = reader.u32();
        this.#checkCount('held jobs');
        break;
      case OperationCode.counts:
        this.#needQueue();
        break;
      case OperationCode.openSession:
        break;
      default:
        throw new MalformedBytesError(`operation of unknown code ${code}`);
    }
  }

  #readQueue(reader: ByteReader): void {
    const before = reader.position;
    const name = reader.text();
    const bytes = reader.position - before - 4;
    if (bytes < 1 || bytes > QUEUE_NAME_BYTES_MAX || name.length === 0) {
      throw new InvalidOperationError(`A queue name has ${bytes} bytes. Use 1 to ${QUEUE_NAME_BYTES_MAX} bytes of UTF-8.`);
    }
    this.queueName = name;
  }

  #readPolicy(reader: ByteReader): void {
    const attemptsMax = reader.u32();
    const backoff = reader.u8();
    const backoffMs = reader.f64();
    const keepCompleted = readKeep(reader);
    const keepFailed = readKeep(reader);
    if (attemptsMax < 1 || attemptsMax > ATTEMPTS_MAX) {
      throw new InvalidOperationError(`A job asks for ${attemptsMax} attempts. Use 1 to ${ATTEMPTS_MAX}.`);
    }
    if (backoff >= BACKOFF_TYPES.length)
      throw new InvalidOperationError(`The backoff type is unknown. Use one of ${BACKOFF_TYPES.join(', ')}.`);
    checkDuration(backoffMs, 'backoff delay');
    this.attemptsMax = attemptsMax;
    this.backoff = backoff;
    this.backoffMs = backoffMs;
    this.keepCompleted = keepCompleted;
    this.keepFailed = keepFailed;
    this.hasPolicy = true;
  }

  #readAdd(reader: ByteReader): void {
    this.#needQueue();
    if (!this.hasPolicy) throw new MalformedBytesError('a job is added before its policy is given');
    this.delayMs = reader.f64();
    this.priority = reader.u32();
    this.#readBlob(reader);
    checkDuration(this.delayMs, 'delay');
    if (this.priority > PRIORITY_MAX) throw new InvalidOperationError(`A job has the priority ${this.priority}. Use 0 to ${PRIORITY_MAX}.`);
  }

  #readClaim(reader: ByteReader): void {
    this.#needQueue();
    this.countAt = reader.position;
    this.countMax = reader.u32();
    this.beginMax = reader.u32();
    this.leaseMs = readLeaseMs(reader);
    this.waitMs = reader.f64();
    this.stalledMax = reader.u32();
    this.holder = readHolder(reader);
    if (this.stalledMax > STALLED_MAX)
      throw new InvalidOperationError(`A claim allows ${this.stalledMax} stalls. Use 0 to ${STALLED_MAX}.`);
    this.#checkClaim();
  }

  /** In version 1 every claimed job is begun. */
  #readClaim1(reader: ByteReader): void {
    this.#needQueue();
    this.countAt = reader.position;
    this.countMax = reader.u32();
    this.leaseMs = readLeaseMs(reader);
    this.waitMs = reader.f64();
    this.#checkClaim();
    this.beginMax = this.countMax;
    this.stalledMax = 0;
    this.holder = 0;
  }

  #checkClaim(): void {
    this.#checkCount('jobs');
    checkDuration(this.waitMs, 'wait');
  }

  #checkCount(what: string): void {
    if (this.countMax >= 1 && this.countMax <= CLAIM_COUNT_MAX) return;
    throw new InvalidOperationError(`An operation asks for ${this.countMax} ${what}. Use 1 to ${CLAIM_COUNT_MAX}.`);
  }

  #readFail(reader: ByteReader): void {
    this.#readLease(reader);
    this.retry = reader.u8() === 1;
    const at = reader.position;
    // Decoded as text to reject what cannot be shown later.
    reader.text();
    this.blobAt = at + 4;
    this.blobLength = reader.position - at - 4;
    if (this.blobLength > REASON_BYTES_MAX) {
      throw new InvalidOperationError(`A failure reason has ${this.blobLength} bytes. Cut it to ${REASON_BYTES_MAX} bytes of UTF-8.`);
    }
  }

  #readJob(reader: ByteReader): void {
    const jobId = reader.f64();
    if (!Number.isSafeInteger(jobId) || jobId < 1) throw new InvalidOperationError(`A job id is ${jobId}. Use an id that add returned.`);
    this.jobId = jobId;
  }

  #readLease(reader: ByteReader): void {
    this.#readJob(reader);
    this.token = reader.f64();
  }

  #readBlob(reader: ByteReader): void {
    this.blobLength = reader.u32();
    this.blobAt = reader.skip(this.blobLength);
  }

  #needQueue(): void {
    if (this.queueName === '') throw new MalformedBytesError('an operation comes before its queue is selected');
  }
}

/** Any version. */
export const ANY_VERSION = 0;
/** Executed outside of the log, by the newest version: queries have operations of their own, which change nothing. */
export const OF_QUERIES = -1;

/** Codes are never reused: those that only version 1 has stay reserved. */
function isKnownTo(version: number, code: number): boolean {
  if (version === OF_QUERIES) return code === OperationCode.heldJobs || isKnownTo(MACHINE_VERSION, code);
  if (code === OperationCode.heldJobs) return false;
  if (version === ANY_VERSION) return true;
  if (code === OperationCode.claim1 || code === OperationCode.retry1 || code === OperationCode.remove1) return version === 1;
  return version >= 2 || code < OperationCode.claim;
}

function readHolder(reader: ByteReader): number {
  const holder = reader.f64();
  if (!Number.isSafeInteger(holder) || holder < 0) throw new InvalidOperationError(`A holder is ${holder}. Use a whole number from 0 on.`);
  return holder;
}

function readLeaseMs(reader: ByteReader): number {
  const leaseMs = reader.f64();
  if (!(leaseMs >= 1 && leaseMs <= DURATION_MS_MAX)) {
    throw new InvalidOperationError(`A lease is ${leaseMs} ms long. Use 1 to ${DURATION_MS_MAX} ms.`);
  }
  return leaseMs;
}

function readKeep(reader: ByteReader): number {
  const keep = reader.u32();
  if (keep === KEEP_ALL) return -1;
  if (keep > KEEP_MAX)
    throw new InvalidOperationError(`The number of finished jobs to keep is ${keep - 2 ** 32}. Use -1 for all, or 0 to ${KEEP_MAX}.`);
  return keep;
}

function checkDuration(durationMs: number, what: string): void {
  if (!(durationMs >= 0 && durationMs <= DURATION_MS_MAX)) {
    throw new InvalidOperationError(`A ${what} is ${durationMs} ms long. Use 0 to ${DURATION_MS_MAX} ms.`);
  }
}
