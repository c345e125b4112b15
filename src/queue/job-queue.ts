import { ByteReader } from '../base/bytes.ts';
import { asIndex, type LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { ReplySink, StateMachine } from '../node/state-machine.ts';
import { COMMANDS } from '../protocol/commands.ts';
import { readEntryHeader, UnsupportedVersionError } from '../protocol/entry-data.ts';
import type { JobCounts } from '../protocol/job-state.ts';
import { MACHINE_VERSION, MACHINE_VERSION_FIRST } from '../protocol/machine-version.ts';
import type { RecordSource } from '../protocol/record.ts';
import { ErrorCode } from '../protocol/reply.ts';
import {
  HEADER_BYTES,
  isAddressable,
  NO_CLIENT,
  type RequestHeader,
  readRequestHeader,
  SESSION_ID_END,
} from '../protocol/request-encoder.ts';
import { OF_QUERIES } from '../protocol/request-reader.ts';
import type { SchedulerTick } from '../protocol/scheduler.ts';
import { ChangeTracker, type PendingWork } from './change-tracker.ts';
import { CheckpointChanges, restoreCheckpoint } from './checkpoint.ts';
import { CheckpointLayout } from './checkpoint-layout.ts';
import { digestOf } from './digest.ts';
import { NO_COUNTS } from './handlers.ts';
import { checkJobStore, checkSessions } from './invariants.ts';
import { JobBytes } from './job-bytes.ts';
import { JobStore } from './job-store.ts';
import type { JobTotals } from './job-totals.ts';
import { QUEUE_LIMIT_DEFAULTS } from './limits.ts';
import { QueryRun } from './query-run.ts';
import { type MachineMeasurements, measureQueues } from './queue-measurements.ts';
import { type QueueOfJob, queueOfJob } from './queue-of-job.ts';
import type { MachineRecord } from './record.ts';
import { ReplyAttacher } from './reply-encoder.ts';
import { RequestExecutor } from './request-executor.ts';
import type { SchedulerTable } from './scheduler-table.ts';
import { type Session, SessionTable } from './session.ts';
import { STATE_BOUNDS, type StateBounds } from './state-bounds.ts';

export interface JobQueueOptions {
  /** Reads a record from the last written checkpoint: payloads and outcomes, and the entries that it keeps. */
  readonly readRecord: (kind: number, key: number) => Uint8Array | undefined;
  /** From this size on a payload stays in its log entry, which the checkpoint then keeps. Default: that of {@link QUEUE_LIMIT_DEFAULTS}. */
  readonly payloadInEntryBytes?: number;
  /** Called for each session that ends. It must not change the state. */
  readonly onSessionEnded?: (client: number) => void;
  /** Called for each queue that had no waiting job and has one now. It must not change the state. */
  readonly onQueueFilled?: (queue: string) => void;
  /** Called for each queue whose readers of events have something to read. It must not change the state. */
  readonly onEvents?: (queue: string) => void;
  /** The newest state-machine version that it applies; for tests of nodes of an earlier release. Default: {@link MACHINE_VERSION}. */
  readonly versionMax?: number | undefined;
  /** Smaller bounds of the state, for tests. The same on all replicas. Default: {@link STATE_BOUNDS}. */
  readonly bounds?: Partial<StateBounds> | undefined;
}

/**
 * The job queue as a replicated state machine: it takes log entries and returns replies and changed records. Its state is a function of
 * the entries alone; the leader writes the time into them.
 */
export class JobQueue implements StateMachine {
  readonly #options: JobQueueOptions;
  readonly #payloadInEntryBytes: number;
  readonly #bounds: StateBounds;
  #changes!: ChangeTracker;
  #layout!: CheckpointLayout;
  #bytes!: JobBytes;
  #attacher!: ReplyAttacher;
  #jobs!: JobStore;
  #executor!: RequestExecutor;
  #sessions!: SessionTable;
  readonly versionMax: number;
  #version = MACHINE_VERSION_FIRST;
  #logMs = 0;
  #nextSessionId = 1;
  #appliedIndex = asIndex(0);
  /** A checkpoint that was taken and not yet reported as written. */
  #writing: CheckpointChanges | undefined;

  constructor(options: JobQueueOptions) {
    this.#options = options;
    this.#payloadInEntryBytes = options.payloadInEntryBytes ?? QUEUE_LIMIT_DEFAULTS.payloadInEntryBytes;
    this.versionMax = options.versionMax ?? MACHINE_VERSION;
    this.#bounds = { ...STATE_BOUNDS, ...options.bounds };
    this.reset();
  }

  /** Index of the latest entry applied. */
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** The state-machine version of the latest entry applied. */
  get version(): number {
    return this.#version;
  }

  /** The log clock at the latest entry, in ms; never goes back. */
  get logMs(): number {
    return this.#logMs;
  }

  /** The leader's wall clock at the latest entry. */
  get wallMs(): number {
    return this.#jobs.wallMs;
  }

  /** When the next lease ends, in log time, or a little earlier. */
  get nextLeaseEndMs(): number | undefined {
    return this.#jobs.leases.top()?.dueMs;
  }

  /** When the next lease, window of a rate, subscription, deduplication id or session ends, in log time, or a little earlier: then the leader proposes an entry. Infinity if none. */
  get nextLogDueMs(): number {
    return Math.min(this.nextLeaseEndMs ?? Number.POSITIVE_INFINITY, this.#jobs.nextLogEndMs, this.#sessions.nextEndMs);
  }

  /** When the next delay or the time of a kept job ends, or the next job scheduler ticks, in wall time. */
  get nextWallDueMs(): number {
    return this.#jobs.nextWallEndMs;
  }

  /** Leases get a fresh term under a new leader, before they end. */
  get isTermStartDue(): boolean {
    return this.nextLeaseEndMs !== undefined;
  }

  /** Estimated number of jobs, sessions and queues that the next checkpoint has to write. */
  get pendingChanges(): number {
    return this.#changes.pending;
  }

  /** Estimated cost of writing the next checkpoint. */
  get pendingWork(): PendingWork {
    return this.#changes.work;
  }

  get totals(): Readonly<JobTotals> {
    return this.#jobs.totals;
  }

  /** For metrics. @param wallMs now, by this node's wall clock. */
  measure(wallMs: number): MachineMeasurements {
    return measureQueues({ jobs: this.#jobs, operations: this.#executor.counts, sessions: this.#sessions.size }, wallMs);
  }

  get sessions(): Pick<SessionTable, 'size' | 'isExecuted'> {
    return this.#sessions;
  }

  get schedulers(): Pick<SchedulerTable, 'waitsBegun' | 'toAdvance'> {
    return this.#jobs.schedulers;
  }

  queueNames(): string[] {
    return [...this.#jobs.queues.byName.keys()];
  }

  counts(queue: string): JobCounts {
    const { delayed, waiting, active, completed, failed } = this.#jobs.queues.byName.get(queue) ?? NO_COUNTS;
    return { delayed, waiting, active, completed, failed };
  }

  /** How many jobs of the queue a claim can take. */
  waitingCount(queue: string): number {
    return this.#jobs.queues.byName.get(queue)?.claimable ?? 0;
  }

  /** See {@link WaitingIndex.countWithin}. */
  claimWithin(queue: string, skip: number, countMax: number, bytesMax: number): { readonly count: number; readonly bytes: number } {
    const known = this.#jobs.queues.byName.get(queue);
    return known === undefined ? { count: countMax, bytes: 0 } : known.index.countWithin(skip, countMax, bytesMax);
  }

  /**
   * Applies one committed entry (see entry-data.ts) by the version that it names: advances the clocks, processes what became due, then
   * executes the requests in order. Malformed bytes change nothing. Empty data only moves `appliedIndex`.
   * @param data is kept by the jobs it adds: never change or transfer it.
   * @throws {InvariantViolation} when the index does not grow, or a checkpoint is being written.
   * @throws {UnsupportedVersionError} when a newer release has to apply the entry; nothing has changed.
   */
  apply(index: LogIndex, data: Uint8Array, replies?: ReplySink): void {
    invariant(index > this.#appliedIndex, () => `entry ${index} is applied after entry ${this.#appliedIndex}`);
    invariant(this.#writing === undefined, () => `entry ${index} is applied while a checkpoint is written`);
    const reader = new ByteReader(data);
    const header = readEntryHeader(data, reader);
    if (header !== undefined && header.version > this.versionMax) {
      throw new UnsupportedVersionError(
        `Entry ${index} of the log needs state-machine version ${header.version}`,
        `has up to ${this.versionMax}`,
      );
    }
    this.#appliedIndex = index;
    this.#jobs.entry = index;
    if (header === undefined) return;
    // An entry of an earlier version after a newer one has other clocks: the current version executes its requests and ignores its clocks.
    const isFirstOf3 = header.version >= 3 && this.#version < 3;
    if (header.version >= this.#version) {
      this.#version = header.version;
      this.#jobs.version = header.version;
      this.#advance(header.logMs, header.wallMs, header.isFirstOfTerm);
    }
    this.#onRequests(data, reader, replies);
    if (this.#version >= 3 && this.#jobs.queues.dropEmpty(isFirstOf3)) this.#executor.deselect();
  }

  /** Replies to a request that only reads (see `validateQuery`) from the current state. Nothing changes, and time does not advance. */
  query(request: Uint8Array): Uint8Array {
    const reader = new ByteReader(request);
    const header = readRequestHeader(reader);
    return this.#attacher.attach(this.#executor.execute(header, reader, request, this.#logMs, OF_QUERIES));
  }

  openQuery(request: Uint8Array): QueryRun {
    return new QueryRun(request, this, (...place) => this.#jobs.events.isReadable(...place));
  }

  /** Replies to the next operations of a query; undefined if the next one takes more turns. */
  queryNext(run: QueryRun, bytesMax: number): Uint8Array | undefined {
    const replyHead = this.#executor.executeNext(run, bytesMax);
    return replyHead === undefined ? undefined : this.#attacher.attach(replyHead);
  }

  /** Returns what changed since the last checkpoint. Read it to the end, then call {@link checkpointWritten}; apply nothing in between. */
  takeChanges(): CheckpointChanges {
    invariant(this.#writing === undefined, () => 'a checkpoint is taken before the last one was written');
    this.#writing = new CheckpointChanges(this.#machine(), this.#jobs, this.#changes, this.#layout, this.#options.readRecord);
    return this.#writing;
  }

  /**
   * The changes are on disk: their payloads leave memory and are read back when needed.
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
    if (machine.version > this.versionMax)
      throw new UnsupportedVersionError(`The checkpoint is of state-machine version ${machine.version}`, `has up to ${this.versionMax}`);
    this.#version = machine.version;
    this.#logMs = machine.logMs;
    Object.assign(this.#jobs, { version: machine.version, logMs: machine.logMs, wallMs: machine.wallMs });
    this.#nextSessionId = machine.nextSessionId;
    this.#appliedIndex = asIndex(machine.appliedIndex);
  }

  /** Returns to the empty state. */
  reset(): void {
    this.#changes = new ChangeTracker();
    this.#layout = new CheckpointLayout();
    this.#jobs = new JobStore(this.#changes, this.#payloadInEntryBytes, this.#options.onQueueFilled);
    this.#bytes = new JobBytes(this.#jobs, this.#options.readRecord);
    this.#attacher = new ReplyAttacher(this.#bytes);
    this.#jobs.trimPerFinishMax = this.#bounds.trimPerFinishMax;
    this.#jobs.schedulers.bounds = this.#bounds;
    this.#jobs.deduplications.bounds = this.#bounds;
    this.#jobs.events.bounds = this.#bounds;
    this.#jobs.events.onReadable = this.#options.onEvents;
    this.#jobs.logs.bounds = this.#bounds;
    this.#executor = new RequestExecutor(this.#jobs, this.#bytes);
    const onSessionEnded = (session: Session): void => {
      this.#changes.sessionRemoved(session);
      this.#options.onSessionEnded?.(session.client);
    };
    this.#sessions = new SessionTable(onSessionEnded, this.#bounds);
    this.#version = MACHINE_VERSION_FIRST;
    this.#logMs = 0;
    this.#nextSessionId = 1;
    this.#appliedIndex = asIndex(0);
    this.#writing = undefined;
  }

  /** A hash of the whole logical state: equal on all replicas that applied the same entries. */
  digest(): string {
    return digestOf(this.#machine(), this.#jobs, this.#sessions, this.#bytes);
  }

  /** @throws {InvariantViolation} when the state contradicts itself. */
  check(): void {
    checkJobStore(this.#jobs, this.#logMs);
    checkSessions(this.#sessions, this.#logMs, this.#bounds);
  }

  queueOf(jobId: number): QueueOfJob {
    return queueOfJob(this.#jobs, jobId);
  }

  /** The payload of a job, from memory or from the checkpoint; `undefined` when the job is gone. */
  payloadOf(jobId: number): Uint8Array | undefined {
    return this.#bytes.payloadOf(jobId);
  }

  /** The tick that added the job, if one did and the job is there. */
  tickOf(jobId: number): SchedulerTick | undefined {
    return this.#bytes.originOf(jobId)?.tick;
  }

  #machine(): MachineRecord {
    return {
      version: this.#version,
      logMs: this.#logMs,
      wallMs: this.#jobs.wallMs,
      appliedIndex: this.#appliedIndex,
      touches: this.#sessions.touches,
      nextSessionId: this.#nextSessionId,
    };
  }

  #advance(logMs: number, wallMs: number, isFirstOfTerm: boolean): void {
    if (logMs > this.#logMs && logMs <= Number.MAX_SAFE_INTEGER) this.#logMs = logMs;
    // Version 1 has one clock, which never goes back.
    if (this.#version === 1) this.#jobs.wallMs = this.#logMs;
    else if (wallMs >= 0 && wallMs <= Number.MAX_SAFE_INTEGER) this.#jobs.wallMs = wallMs;
    if (isFirstOfTerm) this.#jobs.leaseEpochMs = this.#logMs;
    this.#jobs.advance(this.#logMs, this.#bounds.duePerEntryMax);
    this.#sessions.expire(this.#logMs);
  }

  #onRequests(data: Uint8Array, reader: ByteReader, replies: ReplySink | undefined): void {
    while (reader.remaining >= 4) {
      const length = reader.u32();
      if (length > reader.remaining) return;
      const start = reader.skip(length);
      if (length >= HEADER_BYTES) this.#onRequest(data, start, start + length, replies);
    }
  }

  #onRequest(data: Uint8Array, start: number, end: number, replies: ReplySink | undefined): void {
    const reader = new ByteReader(data, start, end);
    const header = readRequestHeader(reader);
    if (header.client === NO_CLIENT && this.#version > 1) {
      this.#executor.executeUnsessioned(header, reader, this.#version);
      return;
    }
    if (!isAddressable(header)) return;
    const { client, sequence } = header;
    const isOpening = data[start + HEADER_BYTES] === COMMANDS.openSession.code && header.operations > 0;
    if (isOpening && this.#version > 1) {
      this.#openSession(header, replies);
      return;
    }
    const session = this.#sessions.get(client) ?? (isOpening ? this.#sessions.open(client) : undefined);
    if (session === undefined || sequence < session.acknowledgedBelow) {
      // Or a late copy, which its client no longer waits for. The nodes that forwarded it do.
      this.#reject(header, ErrorCode.sessionExpired, replies);
      return;
    }
    this.#sessions.touch(session, this.#logMs);
    this.#changes.session(session);
    session.acknowledge(header.acknowledgedBelow);
    let reply = session.replyTo(sequence);
    if (reply === undefined) {
      if (session.isEvicted(sequence)) {
        this.#reject(header, ErrorCode.sessionExpired, replies);
        return;
      }
      reply = this.#executor.execute(header, reader, data, this.#logMs, this.#version);
      session.remember(sequence, reply, this.#bounds, this.#version);
    }
    if (replies?.wants(client, sequence) === true) replies.reply(client, sequence, this.#attacher.attach(reply));
  }

  /**
   * Begins a session under an id that was never assigned before (thesis §6.3). A late copy of the opening only begins another session: a
   * request of the first is never executed again in its name. The opening is alone in its request.
   */
  #openSession(header: RequestHeader, replies: ReplySink | undefined): void {
    const { client, sequence, operations } = header;
    if (operations !== 1) {
      this.#reject(header, ErrorCode.invalidRequest, replies);
      return;
    }
    // Ids of version 1 were random: one of them may equal the next id.
    while (this.#sessions.get(this.#nextSessionId) !== undefined) this.#nextSessionId += 1;
    invariant(this.#nextSessionId < SESSION_ID_END, () => 'all session ids are used up');
    const session = this.#sessions.open(this.#nextSessionId);
    this.#nextSessionId += 1;
    this.#sessions.touch(session, this.#logMs);
    this.#changes.session(session);
    if (replies?.wants(client, sequence) === true) {
      replies.reply(client, sequence, this.#executor.opened(header, session.client, this.#version));
    }
  }

  #reject(header: RequestHeader, code: number, replies: ReplySink | undefined): void {
    const { client, sequence } = header;
    if (replies?.wants(client, sequence) === true) replies.reply(client, sequence, this.#executor.reject(header, code));
  }
}
