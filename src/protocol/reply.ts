import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { JOB_STATES, type JobCounts, type JobState } from './job-state.ts';
import { OPERATIONS_MAX } from './limits.ts';

/**
 * A reply: the results of one request, in the order of its operations. Little-endian.
 * ```
 * header   [f64 client][f64 sequence][u8 form][u32 results]
 * error    [0][u8 code][f64 job][u8 state]
 * added    [1][f64 job]
 * done     [3]
 * counts   [4][f64 delayed][f64 waiting][f64 active][f64 completed][f64 failed]
 * opened   [6][f64 client]
 * claimed  [7][u32 jobs] then for each [f64 job][f64 token][u32 attempt][u32 attemptsMax][f64 addedMs][u8 begun][u32 stalls]
 * job      [8][f64 job][text queue][u8 state][u32 priority][u32 attempt][u32 attemptsMax][f64 token][f64 addedMs][f64 dueMs][f64 finishedMs][u8 begun][u32 stalls][u8 outcome]
 * ```
 * In replies to queries only:
 * ```
 * held     [9][u32 jobs] then for each [f64 job][f64 token]
 * ```
 * Of state-machine version 1 only, in the sessions of that time:
 * ```
 * claimed  [2][u32 jobs] then for each [f64 job][f64 token][u32 attempt][u32 attemptsMax][f64 addedMs]
 * job      [5] as 8, without begun and stalls
 * ```
 * All of this is the *reply head*, which every replica computes and remembers. In the form `attached` the payloads follow, each as
 * `[u8 present]` and, if present, a blob: one for every claimed job, two (payload, outcome) for every job shown, in order.
 * In the form `rejected` a single error represents all results.
 */
export const ReplyForm = Object.freeze({ plain: 0, attached: 1, rejected: 2 });
export const ResultCode = Object.freeze({
  error: 0,
  added: 1,
  claimed1: 2,
  done: 3,
  counts: 4,
  job1: 5,
  opened: 6,
  claimed: 7,
  job: 8,
  held: 9,
});
export const REPLY_HEADER_BYTES = 21;
export const REPLY_FORM_AT = 16;
/** Size of each job of a `claimed` result, in version 1 and from version 2 on. */
export const CLAIMED_JOB_1_BYTES = 32;
export const CLAIMED_JOB_BYTES = 37;
/** Size of each job of a `held` result. */
const HELD_JOB_BYTES = 16;
/** Size of a `job` result behind its queue's name. */
export const JOB_1_TAIL_BYTES = 46;
export const JOB_TAIL_BYTES = 51;

/** The outcome of a finished attempt: none, a result, or the reason of its failure. */
export const OutcomeKind = Object.freeze({ none: 0, result: 1, reason: 2 });

/** A code's number on the wire is its position. */
export const ERROR_CODES = ['LEASE_LOST', 'JOB_NOT_FOUND', 'JOB_STATE', 'SESSION_EXPIRED', 'INVALID_REQUEST', 'QUEUE_LIMIT'] as const;
export type OperationErrorCode = (typeof ERROR_CODES)[number];
export const ErrorCode = Object.freeze({ leaseLost: 0, jobNotFound: 1, jobState: 2, sessionExpired: 3, invalidRequest: 4, queueLimit: 5 });

/** The beginning of the stored reason of a job that failed because it stalled too often. */
export const STALLED_REASON = 'job stalled more than allowable limit';

/** A job under a lease. Only `token` lets its holder extend, complete, fail or release it. */
export interface ClaimedJob {
  readonly id: number;
  /** The fencing token: grows at every claim of any job. */
  readonly token: number;
  /** 1 for the first attempt. For a job that is not begun: the number of its next attempt. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** When the job was added, in the leader's wall time. */
  readonly addedMs: number;
  /** Whether the claim began the job. If not, send its begin: with the next request, or, after a stall, before the processor runs. */
  readonly isBegun: boolean;
  /** Times in a row that the job was begun and its lease expired. */
  readonly stalls: number;
  /** Undefined only in a repeated reply, when the job has been removed since. */
  readonly payload: Uint8Array | undefined;
}

/** A job under the lease of another worker. */
export type HeldJob = Pick<ClaimedJob, 'id' | 'token'>;

export interface JobDetail {
  readonly id: number;
  readonly queue: string;
  readonly state: JobState;
  readonly priority: number;
  /** Attempts begun so far, stalls not counted. */
  readonly attempt: number;
  /** Active: whether the current attempt is begun, and counted. */
  readonly isBegun: boolean;
  /** Times in a row that the job was begun and its lease expired. */
  readonly stalls: number;
  readonly attemptsMax: number;
  /** The token of the latest claim, 0 before the first. */
  readonly token: number;
  readonly addedMs: number;
  /** When a delayed job becomes waiting, in wall time; or an active job's lease ends, in log time. */
  readonly dueMs: number | undefined;
  readonly finishedMs: number | undefined;
  /** Undefined only when the job has been removed since. */
  readonly payload: Uint8Array | undefined;
  readonly result: Uint8Array | undefined;
  /** Why the latest failed attempt failed. */
  readonly failedReason: string | undefined;
}

export type OperationResult =
  /** extend, begin, complete, fail, release, retry, remove, release-holder; openSession of version 1. */
  | { readonly ok: true; readonly type: 'done' }
  | { readonly ok: true; readonly type: 'added'; readonly id: number }
  /** The session's id: the client of all further requests. */
  | { readonly ok: true; readonly type: 'opened'; readonly client: number }
  | { readonly ok: true; readonly type: 'claimed'; readonly jobs: readonly ClaimedJob[] }
  | { readonly ok: true; readonly type: 'counts'; readonly counts: JobCounts }
  | { readonly ok: true; readonly type: 'job'; readonly job: JobDetail }
  | { readonly ok: true; readonly type: 'held'; readonly jobs: readonly HeldJob[] }
  | {
      readonly ok: false;
      readonly code: OperationErrorCode;
      readonly message: string;
      /** The job the operation named, if it named one. */
      readonly job: number | undefined;
      /** For `JOB_STATE`: the state the job is in. */
      readonly state: JobState | undefined;
    };

export interface Reply {
  readonly client: number;
  readonly sequence: number;
  readonly results: readonly OperationResult[];
}

const DONE: OperationResult = Object.freeze({ ok: true, type: 'done' });

/** Payloads are views into `bytes`. @throws {MalformedBytesError} when the bytes are not a reply. */
export function decodeReply(bytes: Uint8Array): Reply {
  const reader = new ByteReader(bytes);
  const client = reader.f64();
  const sequence = reader.f64();
  const form = reader.u8();
  const count = reader.u32();
  if (count > OPERATIONS_MAX) throw new MalformedBytesError(`a reply of ${count} results`);
  if (form === ReplyForm.rejected) {
    const rejection = readResult(reader, undefined);
    return { client, sequence, results: new Array<OperationResult>(count).fill(rejection) };
  }
  const attachments = form === ReplyForm.attached ? new AttachmentReader(bytes, attachmentsAt(bytes)) : undefined;
  const results: OperationResult[] = [];
  for (let read = 0; read < count; read += 1) results.push(readResult(reader, attachments));
  return { client, sequence, results };
}

/** Where a reply head ends and its attachments begin. */
function attachmentsAt(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes, REPLY_HEADER_BYTES - 4);
  const count = reader.u32();
  for (let read = 0; read < count; read += 1) skipResult(reader.u8(), reader);
  return reader.position;
}

/** Skips a result of a reply head behind its code. @throws {MalformedBytesError} */
export function skipResult(code: number, reader: ByteReader): void {
  switch (code) {
    case ResultCode.error:
      reader.skip(10);
      break;
    case ResultCode.added:
    case ResultCode.opened:
      reader.skip(8);
      break;
    case ResultCode.claimed:
      reader.skip(reader.u32() * CLAIMED_JOB_BYTES);
      break;
    case ResultCode.claimed1:
      reader.skip(reader.u32() * CLAIMED_JOB_1_BYTES);
      break;
    case ResultCode.held:
      reader.skip(reader.u32() * HELD_JOB_BYTES);
      break;
    case ResultCode.done:
      break;
    case ResultCode.counts:
      reader.skip(40);
      break;
    case ResultCode.job:
    case ResultCode.job1:
      reader.skip(8);
      reader.skip(reader.u32());
      reader.skip(code === ResultCode.job ? JOB_TAIL_BYTES : JOB_1_TAIL_BYTES);
      break;
    default:
      throw new MalformedBytesError(`result of unknown code ${code}`);
  }
}

class AttachmentReader {
  readonly #reader: ByteReader;

  constructor(bytes: Uint8Array, start: number) {
    this.#reader = new ByteReader(bytes, start);
  }

  next(): Uint8Array | undefined {
    return this.#reader.u8() === 1 ? this.#reader.blob() : undefined;
  }

  /** As {@link next}, for bytes that are text. */
  nextText(): string | undefined {
    return this.#reader.u8() === 1 ? this.#reader.text() : undefined;
  }
}

function readResult(reader: ByteReader, attachments: AttachmentReader | undefined): OperationResult {
  const code = reader.u8();
  switch (code) {
    case ResultCode.error:
      return readError(reader);
    case ResultCode.added:
      return { ok: true, type: 'added', id: reader.f64() };
    case ResultCode.opened:
      return { ok: true, type: 'opened', client: reader.f64() };
    case ResultCode.claimed:
    case ResultCode.claimed1:
      return { ok: true, type: 'claimed', jobs: readClaimedJobs(reader, attachments, code === ResultCode.claimed) };
    case ResultCode.done:
      return DONE;
    case ResultCode.counts: {
      const counts = { delayed: reader.f64(), waiting: reader.f64(), active: reader.f64(), completed: reader.f64(), failed: reader.f64() };
      return { ok: true, type: 'counts', counts };
    }
    case ResultCode.job:
    case ResultCode.job1:
      return { ok: true, type: 'job', job: readJobDetail(reader, attachments, code === ResultCode.job) };
    case ResultCode.held:
      return { ok: true, type: 'held', jobs: Array.from({ length: reader.u32() }, () => ({ id: reader.f64(), token: reader.f64() })) };
    default:
      throw new MalformedBytesError(`result of unknown code ${code}`);
  }
}

function readClaimedJobs(reader: ByteReader, attachments: AttachmentReader | undefined, hasBegin: boolean): ClaimedJob[] {
  const count = reader.u32();
  const jobs: ClaimedJob[] = [];
  for (let read = 0; read < count; read += 1) {
    jobs.push({
      id: reader.f64(),
      token: reader.f64(),
      attempt: reader.u32(),
      attemptsMax: reader.u32(),
      addedMs: reader.f64(),
      isBegun: hasBegin ? reader.u8() === 1 : true,
      stalls: hasBegin ? reader.u32() : 0,
      payload: attachments?.next(),
    });
  }
  return jobs;
}

function readJobDetail(reader: ByteReader, attachments: AttachmentReader | undefined, hasBegin: boolean): JobDetail {
  const id = reader.f64();
  const queue = reader.text();
  const state = stateOf(reader.u8());
  if (state === undefined) throw new MalformedBytesError('a job in an unknown state');
  const priority = reader.u32();
  const attempt = reader.u32();
  const attemptsMax = reader.u32();
  const token = reader.f64();
  const addedMs = reader.f64();
  const dueMs = reader.f64();
  const finishedMs = reader.f64();
  const isBegun = hasBegin ? reader.u8() === 1 : state === 'active';
  const stalls = hasBegin ? reader.u32() : 0;
  const outcome = reader.u8();
  const payload = attachments?.next();
  const result = outcome === OutcomeKind.reason ? undefined : attachments?.next();
  const failedReason = outcome === OutcomeKind.reason ? attachments?.nextText() : undefined;
  const isTimed = state === 'delayed' || state === 'active';
  const isFinished = state === 'completed' || state === 'failed';
  return {
    id,
    queue,
    state,
    priority,
    attempt,
    isBegun,
    stalls,
    attemptsMax,
    token,
    addedMs,
    dueMs: isTimed ? dueMs : undefined,
    finishedMs: isFinished ? finishedMs : undefined,
    payload,
    result,
    failedReason,
  };
}

function readError(reader: ByteReader): OperationResult {
  const code = ERROR_CODES[reader.u8()];
  if (code === undefined) throw new MalformedBytesError('an error of unknown code');
  const named = reader.f64();
  const job = named === 0 ? undefined : named;
  const state = stateOf(reader.u8());
  return { ok: false, code, message: errorMessage(code, job, state), job, state };
}

const stateOf = (code: number): JobState | undefined => JOB_STATES[code];

function errorMessage(code: OperationErrorCode, job: number | undefined, state: JobState | undefined): string {
  switch (code) {
    case 'LEASE_LOST':
      return `The lease on job ${job} is lost: it ended, or the job was claimed again. Drop the work; the worker that holds the job now finishes it.`;
    case 'JOB_NOT_FOUND':
      return `Job ${job} does not exist. It was never added, or was removed after it finished. Check the id and the queue's retention.`;
    case 'JOB_STATE':
      return `Job ${job} is ${state}, which does not allow this. Retry needs a failed job; remove needs one that is not active.`;
    case 'SESSION_EXPIRED':
      return 'The client session is unknown: it was idle too long or never opened. Whether this request took effect is unknown. Open a new session under a new client id.';
    case 'INVALID_REQUEST':
      return 'The request is malformed. Encode it with RequestEncoder, with values within the documented limits.';
    case 'QUEUE_LIMIT':
      return 'There are too many queues with jobs for version 2 of the state machine. Use fewer queue names, or let existing queues run empty.';
    default:
      return code satisfies never;
  }
}
