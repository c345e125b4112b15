import { ByteReader } from '../base/bytes.ts';
import { asIndex, type LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import { ChangeTracker } from './change-tracker.ts';
import { CheckpointChanges, type RecordSource, restoreCheckpoint } from './checkpoint.ts';
import { CheckpointLayout, CONTENT_IN_ENTRY_BYTES } from './checkpoint-layout.ts';
import { digestOf } from './digest.ts';
import { checkJobStore, checkSessions } from './invariants.ts';
import type { JobCounts } from './job-state.ts';
import { JobStore, type JobTotals } from './job-store.ts';
import { DUE_PER_ENTRY_MAX } from './limits.ts';
import { type MachineRecord, outcomeKey, RecordKind } from './record.ts';
import { ErrorCode, OutcomeKind } from './reply.ts';
import { type AttachmentSource, ReplyAttacher } from './reply-encoder.ts';
import { HEADER_BYTES, isAddressable, OperationCode, type RequestHeader, readRequestHeader } from './request.ts';
import { NO_COUNTS, RequestExecutor } from './request-executor.ts';
import { type Session, SessionTable } from './session.ts';
import { StoredContents } from './stored-contents.ts';

/** Where replies go; only the leader has one. */
export interface ReplySink {
  /** Whether somebody here waits for this answer; if not, it is not built. */
  wants(client: number, sequence: number): boolean;
  /** @param bytes may be remembered by the state: must not be changed or transferred. */
  reply(client: number, sequence: number, bytes: Uint8Array): void;
}

export interface JobQueueOptions {
  /** Reads a record from the last written checkpoint: contents and outcomes, and the entries that it keeps. */
  readonly readRecord: (kind: number, key: number) => Uint8Array | undefined;
  /** From this size on a content stays in its log entry, which the checkpoint then keeps. Default: {@link CONTENT_IN_ENTRY_BYTES}. */
  readonly contentInEntryBytes?: number;
}

const EMPTY = new Uint8Array(0);

/**
 * The job queue as a replicated state machine: log entries in, replies and changed records out. Its state is a function of
 * the entries alone; time is what the leader stamped into them.
 */
export class JobQueue implements AttachmentSource {
  readonly #readRecord: JobQueueOptions['readRecord'];
  readonly #contentInEntryBytes: number;
  readonly #attacher = new ReplyAttacher(this);
  #changes!: ChangeTracker;
  #layout!: CheckpointLayout;
  #contents!: StoredContents;
  #jobs!: JobStore;
  #executor!: RequestExecutor;
  #sessions!: SessionTable;
  #clockMs = 0;
  #appliedIndex = asIndex(0);
  /** A checkpoint that was taken and not yet reported as written. */
  #writing: CheckpointChanges | undefined;

  constructor(options: JobQueueOptions) {
    this.#readRecord = options.readRecord;
    this.#contentInEntryBytes = options.contentInEntryBytes ?? CONTENT_IN_ENTRY_BYTES;
    this.reset();
  }

  /** Index of the latest entry applied. */
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** The log's wall time; never goes back. */
  get clockMs(): number {
    return this.#clockMs;
  }

  /** When the next delay or lease ends, in wall ms: the leader then proposes an entry without requests. */
  get nextDueMs(): number | undefined {
    const lease = this.#jobs.leases.top()?.dueMs;
    const delay = this.#jobs.delayed.top()?.dueMs;
    if (lease === undefined || delay === undefined) return lease ?? delay;
    return Math.min(lease, delay);
  }

  /** About how much the next checkpoint has to bring up to date: jobs, sessions and queues. */
  get pendingChanges(): number {
    return this.#changes.pending;
  }

  get totals(): Readonly<JobTotals> {
    return this.#jobs.totals;
  }

  get jobCount(): number {
    return this.#jobs.table.size;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  queueNames(): string[] {
    return [...this.#jobs.queues.keys()];
  }

  counts(queue: string): JobCounts {
    const known = this.#jobs.queues.get(queue);
    if (known === undefined) return NO_COUNTS;
    const { delayed, waiting, active, completed, failed } = known;
    return { delayed, waiting, active, completed, failed };
  }

  waitingCount(queue: string): number {
    return this.#jobs.queues.get(queue)?.waiting ?? 0;
  }

  /**
   * Applies one committed entry: `[f64 stamp in wall ms]([u32 length][request])*`. First the clock moves and what became due is
   * worked off, then the requests are carried out in order. Bytes that make no sense change nothing. Empty data only moves `appliedIndex`.
   * @param data is kept by the jobs it adds: must never be changed or transferred.
   * @throws {InvariantViolation} when the index does not grow, or a checkpoint is being written.
   */
  apply(index: LogIndex, data: Uint8Array, replies?: ReplySink): void {
    invariant(index > this.#appliedIndex, () => `entry ${index} is applied after entry ${this.#appliedIndex}`);
    invariant(this.#writing === undefined, () => `entry ${index} is applied while a checkpoint is written`);
    this.#appliedIndex = index;
    this.#jobs.entry = index;
    if (data.length < 8) return;
    const reader = new ByteReader(data);
    this.#advance(reader.f64());
    while (reader.remaining >= 4) {
      const length = reader.u32();
      if (length > reader.remaining) return;
      const at = reader.skip(length);
      if (length >= HEADER_BYTES) this.#onRequest(data, at, at + length, replies);
    }
  }

  /** Answers a request that only reads (see `validateQuery`) from the state as it is. Nothing changes, and time does not move. */
  query(request: Uint8Array): Uint8Array {
    const reader = new ByteReader(request);
    const header = readRequestHeader(reader);
    return this.#attacher.attach(this.#executor.carryOut(header, reader, request, this.#clockMs));
  }

  /** Hands out what changed since the last checkpoint. Read it to the end, then call {@link checkpointWritten}; apply nothing between. */
  takeChanges(): CheckpointChanges {
    invariant(this.#writing === undefined, () => 'a checkpoint is taken before the last one was written');
    this.#writing = new CheckpointChanges(this.#machine(), this.#jobs, this.#changes, this.#layout);
    return this.#writing;
  }

  /**
   * The changes are on disk: contents they hold leave memory, and are read back when they are needed.
   * @returns how many records were written.
   */
  checkpointWritten(): number {
    const written = this.#writing;
    invariant(written?.isComplete === true, () => 'a checkpoint was written without being read to its end');
    written.evict();
    this.#writing = undefined;
    return written.count;
  }

  /** Replaces the state by a checkpoint's; without records by the empty state. @throws {MalformedBytesError} */
  restore(records: RecordSource): void {
    this.reset();
    const machine = restoreCheckpoint(records, this.#jobs, this.#sessions, this.#layout);
    this.#clockMs = machine.clockMs;
    this.#appliedIndex = asIndex(machine.appliedIndex);
  }

  /** Back to the empty state. */
  reset(): void {
    this.#changes = new ChangeTracker();
    this.#layout = new CheckpointLayout();
    this.#contents = new StoredContents(this.#readRecord);
    this.#jobs = new JobStore(this.#changes, this.#contentInEntryBytes);
    this.#executor = new RequestExecutor(this.#jobs);
    this.#sessions = new SessionTable((session) => this.#changes.sessionRemoved(session));
    this.#clockMs = 0;
    this.#appliedIndex = asIndex(0);
    this.#writing = undefined;
  }

  /** A hash of the whole logical state: equal on all replicas that applied the same entries. */
  digest(): string {
    return digestOf(this.#machine(), this.#jobs, this.#sessions, this);
  }

  /** @throws {InvariantViolation} when the state contradicts itself. */
  check(): void {
    checkJobStore(this.#jobs);
    checkSessions(this.#sessions, this.#clockMs);
  }

  /** The content of a job, from memory or from the checkpoint; `undefined` when the job is gone. */
  contentOf(jobId: number): Uint8Array | undefined {
    const job = this.#jobs.table.get(jobId);
    if (job === undefined) return undefined;
    if (job.length === 0) return EMPTY;
    if (job.chunk !== undefined) return job.chunk.subarray(job.offset, job.offset + job.length);
    return checked(this.#contents.of(job), job.length, () => `the content of job ${jobId}`);
  }

  /** The outcome of a job if it has one of this kind. */
  outcomeOf(jobId: number, kind: number): Uint8Array | undefined {
    const job = this.#jobs.table.get(jobId);
    if (job === undefined || kind === OutcomeKind.none || job.outcomeKind !== kind) return undefined;
    if (job.outcome !== undefined || job.outcomeLength === 0) return job.outcome ?? EMPTY;
    return checked(this.#readRecord(RecordKind.content, outcomeKey(jobId)), job.outcomeLength, () => `the outcome of job ${jobId}`);
  }

  #machine(): MachineRecord {
    return { clockMs: this.#clockMs, appliedIndex: this.#appliedIndex, touches: this.#sessions.touches };
  }

  #advance(stampMs: number): void {
    if (stampMs > this.#clockMs && stampMs <= Number.MAX_SAFE_INTEGER) this.#clockMs = stampMs;
    this.#jobs.advance(this.#clockMs, DUE_PER_ENTRY_MAX);
    this.#sessions.expire(this.#clockMs);
  }

  #onRequest(data: Uint8Array, start: number, end: number, replies: ReplySink | undefined): void {
    const reader = new ByteReader(data, start, end);
    const header = readRequestHeader(reader);
    if (!isAddressable(header)) return;
    const { client, sequence } = header;
    const session = this.#sessionFor(header, data[start + HEADER_BYTES]);
    if (session === undefined) {
      this.#refuse(header, ErrorCode.sessionExpired, replies);
      return;
    }
    if (sequence < session.acknowledgedBelow) return;
    this.#sessions.touch(session, this.#clockMs);
    this.#changes.session(session);
    session.acknowledge(header.acknowledgedBelow);
    let answer = session.answerOf(sequence);
    if (answer === undefined) {
      if (session.isForgotten(sequence)) {
        this.#refuse(header, ErrorCode.sessionExpired, replies);
        return;
      }
      answer = this.#executor.carryOut(header, reader, data, this.#clockMs);
      session.remember(sequence, answer);
    }
    if (replies?.wants(client, sequence) === true) replies.reply(client, sequence, this.#attacher.attach(answer));
  }

  #sessionFor(header: RequestHeader, firstCode: number | undefined): Session | undefined {
    const known = this.#sessions.get(header.client);
    if (known !== undefined) return known;
    return firstCode === OperationCode.openSession && header.operations > 0 ? this.#sessions.open(header.client) : undefined;
  }

  #refuse(header: RequestHeader, code: number, replies: ReplySink | undefined): void {
    const { client, sequence } = header;
    if (replies?.wants(client, sequence) === true) replies.reply(client, sequence, this.#executor.refuse(header, code));
  }
}

/** What comes back from the checkpoint is what was written there, or the node must not go on. */
function checked(bytes: Uint8Array | undefined, length: number, what: () => string): Uint8Array {
  invariant(bytes?.length === length, () => `${what()} has ${bytes?.length ?? 'no'} bytes in the checkpoint, and had ${length}`);
  return bytes as Uint8Array;
}
