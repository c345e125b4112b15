import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { JOB_STATES, type JobCounts, type JobState } from './job-state.ts';
import {
  DEDUPLICATION_IDS_MAX,
  KEPT_ADDS_BYTES_MAX,
  OPERATIONS_MAX,
  SCHEDULERS_BYTES_MAX,
  SCHEDULERS_MAX,
  SCHEDULERS_PER_QUEUE_MAX,
} from './limits.ts';
import { RESULTS, type ResultFields, type ResultName, readFields, resultOfCode, skipResult } from './results.ts';
import { readTick, type SchedulerTick } from './scheduler.ts';

/**
 * A reply: the results of one request, in the order of its operations. Little-endian.
 * ```
 * header   [f64 client][f64 sequence][u8 form][u32 results]
 * result   [u8 code] and the fields of its row in results.ts
 * ```
 * All of this is the *reply head*, which every replica computes and remembers. In the form `attached` the payloads follow, each as
 * `[u8 present]` and, if present, a blob: one for every claimed job, two (payload, outcome) for every job shown, in order. If any of these
 * jobs has a custom id, `[u32 jobs]` follows, and for each such job `[f64 id][text customId]`: a client of an earlier release ignores it.
 * If a job scheduler added any of them, the custom ids are there, perhaps none, and likewise behind them `[u32 jobs]` and
 * `[f64 id][text scheduler][f64 tick][f64 scheduledMs]`. If any has a
 * progress, both lists are there, and behind them one more of the form of the custom ids: `[f64 id][blob progress]`. If any has a
 * deduplication id, these three are there, and behind them `[u32 jobs]` and `[f64 id][text deduplicationId]`.
 * In the form `rejected` a single error represents all results.
 */
export const ReplyForm = Object.freeze({ plain: 0, attached: 1, rejected: 2 });
export const REPLY_HEADER_BYTES = 21;
export const REPLY_FORM_AT = 16;

/** The outcome of a finished attempt: none, a result, or the reason of its failure. */
export const OutcomeKind = Object.freeze({ none: 0, result: 1, reason: 2 });

/** A code's number on the wire is its position. */
export const ERROR_CODES = [
  'LEASE_LOST',
  'JOB_NOT_FOUND',
  'JOB_STATE',
  'SESSION_EXPIRED',
  'INVALID_REQUEST',
  'QUEUE_LIMIT',
  'SCHEDULER_NOT_FOUND',
  'SCHEDULER_LIMIT',
  'DEDUPLICATION_LIMIT',
  'FLOW_ID_TAKEN',
  'CHILD_ACTIVE',
  'TRANSACTION_CONFLICT',
] as const;
export type OperationErrorCode = (typeof ERROR_CODES)[number];
export const ErrorCode = Object.freeze({
  leaseLost: 0,
  jobNotFound: 1,
  jobState: 2,
  sessionExpired: 3,
  invalidRequest: 4,
  queueLimit: 5,
  schedulerNotFound: 6,
  schedulerLimit: 7,
  deduplicationLimit: 8,
  flowIdTaken: 9,
  childActive: 10,
  transactionConflict: 11,
});

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
  /** The id that its client chose, if it did. */
  readonly customId?: string | undefined;
  /** The tick that added it, if a job scheduler did. */
  readonly tick?: SchedulerTick | undefined;
  /** How far it has come, if a client set that. */
  readonly progress?: Uint8Array | undefined;
  /** What it is deduplicated by, if it is. */
  readonly deduplicationId?: string | undefined;
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
  /** The id that its client chose, if it did. */
  readonly customId?: string | undefined;
  /** The tick that added it, if a job scheduler did. */
  readonly tick?: SchedulerTick | undefined;
  /** How far it has come, if a client set that. */
  readonly progress?: Uint8Array | undefined;
  /** What it is deduplicated by, if it is. */
  readonly deduplicationId?: string | undefined;
}

/** Results of other shapes than the fields of their rows. */
type ShapedName =
  | 'error'
  | 'transacted'
  | 'transactionRejected'
  | 'claimed'
  | 'claimed1'
  | 'job'
  | 'job1'
  | 'counts'
  | 'held'
  | 'jobIds'
  | 'flowAdded';
type PlainName = Exclude<ResultName, ShapedName>;
type PlainResult = { [Name in PlainName]: { readonly ok: true; readonly type: Name } & ResultFields<Name> }[PlainName];

export type OperationResult =
  | PlainResult
  | { readonly ok: true; readonly type: 'claimed'; readonly jobs: readonly ClaimedJob[] }
  | { readonly ok: true; readonly type: 'counts'; readonly counts: JobCounts }
  | { readonly ok: true; readonly type: 'job'; readonly job: JobDetail }
  | { readonly ok: true; readonly type: 'held'; readonly jobs: readonly HeldJob[] }
  | ({ readonly ok: true; readonly type: 'jobIds'; readonly ids: readonly number[] } & ResultFields<'jobIds'>)
  | ({ readonly ok: true; readonly type: 'flowAdded'; readonly ids: readonly number[] } & ResultFields<'flowAdded'>)
  | { readonly ok: true; readonly type: 'transacted'; readonly results: readonly OperationResult[] }
  | {
      readonly ok: false;
      readonly code: OperationErrorCode;
      readonly message: string;
      /** The job the operation named, if it named one. */
      readonly job: number | undefined;
      /** For `JOB_STATE`: the state the job is in. */
      readonly state: JobState | undefined;
      /** The operation of a transaction that was rejected, from 0 on: nothing of it took effect. */
      readonly operation?: number;
    };

export interface Reply {
  readonly client: number;
  readonly sequence: number;
  readonly results: readonly OperationResult[];
}

const DONE: OperationResult = Object.freeze({ ok: true, type: 'done' });
const ADDED = RESULTS.added.code;
const DONE_CODE = RESULTS.done.code;

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
  const extras = attachments?.extras();
  return { client, sequence, results: extras === undefined ? results : results.map((result) => withExtras(result, extras)) };
}

/** Where a reply head ends and its attachments begin. */
function attachmentsAt(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes, REPLY_HEADER_BYTES - 4);
  const count = reader.u32();
  for (let read = 0; read < count; read += 1) skipResult(resultOfCode(reader.u8()), reader);
  return reader.position;
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

  /** What is behind all payloads and outcomes. @returns undefined if no job has any of it. */
  extras(): Extras | undefined {
    const reader = this.#reader;
    if (reader.remaining === 0) return undefined;
    const customIds = new Map<number, string>();
    for (let left = reader.u32(); left > 0; left -= 1) customIds.set(reader.f64(), reader.text());
    const ticks = new Map<number, SchedulerTick>();
    for (let left = reader.remaining === 0 ? 0 : reader.u32(); left > 0; left -= 1) ticks.set(reader.f64(), readTick(reader));
    const progress = new Map<number, Uint8Array>();
    for (let left = reader.remaining === 0 ? 0 : reader.u32(); left > 0; left -= 1) progress.set(reader.f64(), reader.blob());
    const deduplicationIds = new Map<number, string>();
    for (let left = reader.remaining === 0 ? 0 : reader.u32(); left > 0; left -= 1) deduplicationIds.set(reader.f64(), reader.text());
    return { customIds, ticks, progress, deduplicationIds };
  }
}

/** What few jobs have, by job. */
interface Extras {
  readonly customIds: ReadonlyMap<number, string>;
  readonly ticks: ReadonlyMap<number, SchedulerTick>;
  readonly progress: ReadonlyMap<number, Uint8Array>;
  readonly deduplicationIds: ReadonlyMap<number, string>;
}

function withExtras(result: OperationResult, { customIds, ticks, progress, deduplicationIds }: Extras): OperationResult {
  if (!result.ok) return result;
  const extrasOf = (id: number) => ({
    customId: customIds.get(id),
    tick: ticks.get(id),
    progress: progress.get(id),
    ...(deduplicationIds.has(id) ? { deduplicationId: deduplicationIds.get(id) } : {}),
  });
  if (result.type === 'job') return { ...result, job: { ...result.job, ...extrasOf(result.job.id) } };
  if (result.type === 'claimed') return { ...result, jobs: result.jobs.map((job) => ({ ...job, ...extrasOf(job.id) })) };
  return result;
}

function readResult(reader: ByteReader, attachments: AttachmentReader | undefined): OperationResult {
  const code = reader.u8();
  // The results of most operations, before the table.
  if (code === ADDED) return { ok: true, type: 'added', id: reader.f64() };
  if (code === DONE_CODE) return DONE;
  const row = resultOfCode(code);
  switch (row.name) {
    case 'error':
      return readError(reader);
    case 'transactionRejected':
      return { operation: reader.u32(), ...readError(reader) };
    case 'transacted':
      return { ok: true, type: 'transacted', results: readResults(new ByteReader(reader.blob())) };
    case 'claimed':
    case 'claimed1':
      return { ok: true, type: 'claimed', jobs: readClaimedJobs(reader, attachments, row.name === 'claimed') };
    case 'counts':
      // The only casts of this function: a row's fields have the types of its name.
      return { ok: true, type: 'counts', counts: readFields(reader, row.fields) as unknown as JobCounts };
    case 'job':
    case 'job1':
      return { ok: true, type: 'job', job: jobDetailOf(readFields(reader, row.fields) as unknown as JobFields, attachments) };
    case 'held':
      return { ok: true, type: 'held', jobs: Array.from({ length: reader.u32() }, () => ({ id: reader.f64(), token: reader.f64() })) };
    case 'flowAdded': {
      const fields = readFields(reader, row.fields) as unknown as ResultFields<'flowAdded'>;
      return { ok: true, type: 'flowAdded', ...fields, ids: Array.from({ length: reader.u32() }, () => reader.f64()) };
    }
    case 'jobIds': {
      const fields = readFields(reader, row.fields) as unknown as ResultFields<'jobIds'>;
      return { ok: true, type: 'jobIds', ...fields, ids: Array.from({ length: reader.u32() }, () => reader.f64()) };
    }
    default:
      return { ok: true, type: row.name, ...readFields(reader, row.fields) } as PlainResult;
  }
}

/** Of a transaction: none of them has attachments. */
const readResults = (reader: ByteReader): readonly OperationResult[] =>
  Array.from({ length: reader.u32() }, () => readResult(reader, undefined));

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

/** Version 1 lacks the fields of the begin. */
type JobFields = ResultFields<'job1'> & Partial<ResultFields<'job'>>;

function jobDetailOf(fields: JobFields, attachments: AttachmentReader | undefined): JobDetail {
  const state = stateOf(fields.state);
  if (state === undefined) throw new MalformedBytesError('a job in an unknown state');
  const { outcome, dueMs, finishedMs, isBegun = state === 'active', stalls = 0 } = fields;
  const payload = attachments?.next();
  const result = outcome === OutcomeKind.reason ? undefined : attachments?.next();
  const failedReason = outcome === OutcomeKind.reason ? attachments?.nextText() : undefined;
  const isTimed = state === 'delayed' || state === 'active';
  const isFinished = state === 'completed' || state === 'failed';
  return {
    id: fields.id,
    queue: fields.queue,
    state,
    priority: fields.priority,
    attempt: fields.attempt,
    isBegun,
    stalls,
    attemptsMax: fields.attemptsMax,
    token: fields.token,
    addedMs: fields.addedMs,
    dueMs: isTimed ? dueMs : undefined,
    finishedMs: isFinished ? finishedMs : undefined,
    payload,
    result,
    failedReason,
  };
}

function readError(reader: ByteReader): Extract<OperationResult, { readonly ok: false }> {
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
      return `Job ${job} is ${state}, which does not allow this. Retry needs a failed job; a promotion or another delay a delayed one; another priority one that waits or is delayed; remove one that is not active.`;
    case 'SESSION_EXPIRED':
      return 'The client session is unknown: it was idle too long or never opened. Whether this request took effect is unknown. Open a new session under a new client id.';
    case 'INVALID_REQUEST':
      return 'The request is malformed. Encode it with RequestEncoder, with values within the documented limits.';
    case 'QUEUE_LIMIT':
      return 'There are too many queues with jobs for version 2 of the state machine. Use fewer queue names, or let existing queues run empty.';
    case 'SCHEDULER_NOT_FOUND':
      return 'The queue has no job scheduler of this id. It was never set, was removed, or has had its last tick.';
    case 'SCHEDULER_LIMIT':
      return `There are too many job schedulers. At most ${SCHEDULERS_PER_QUEUE_MAX} are in one queue and ${SCHEDULERS_MAX} in all, with ${SCHEDULERS_BYTES_MAX} bytes of payloads. Remove some, or schedule one job that adds the others.`;
    case 'DEDUPLICATION_LIMIT':
      return `Too many jobs are deduplicated. At most ${DEDUPLICATION_IDS_MAX} deduplication ids are taken at a time, and adds that are kept until an active job ends have ${KEPT_ADDS_BYTES_MAX} bytes of payloads. Use a shorter "ttl", or smaller data.`;
    case 'FLOW_ID_TAKEN':
      return `A job of the flow has the custom id of job ${job}, which is ${state}. Nothing was added. Use another id, or remove that job: only a job without a parent may be added again.`;
    case 'TRANSACTION_CONFLICT':
      return `Another operation of the transaction may change job ${job}, too, since it is in the same flow or has the same deduplication id. Nothing took effect. Send this operation in another transaction.`;
    case 'CHILD_ACTIVE':
      return `A child of job ${job} is active, and nothing was removed. Wait until its worker has finished it, or remove the job without its children.`;
    default:
      return code satisfies never;
  }
}
