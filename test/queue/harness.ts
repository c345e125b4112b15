import { ByteWriter } from '../../src/base/bytes.ts';
import { asIndex } from '../../src/base/ids.ts';
import { COMMANDS, SELECT_QUEUE_CODE } from '../../src/protocol/commands.ts';
import { type EntryHeader, writeEntryHeader } from '../../src/protocol/entry-data.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { type ClaimedJob, decodeReply, type JobDetail, type OperationResult } from '../../src/protocol/reply.ts';
import { ADD_DEFAULTS, type AddOptions, type ClaimOptions, RequestEncoder, SESSION_ID_END } from '../../src/protocol/request-encoder.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import type { StateBounds } from '../../src/queue/state-bounds.ts';

export const START_MS = 1_700_000_000_000;
/** The id that the first session of a state gets. */
export const CLIENT = 1;
/** The client id of an opening. */
export const OPENING = SESSION_ID_END + 7;

const text = new TextEncoder();
export const bytesOf = (value: string): Uint8Array => text.encode(value);
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

export const options = (changed: Partial<AddOptions> = {}): AddOptions => ({
  ...ADD_DEFAULTS,
  attemptsMax: 3,
  keepCompleted: -1,
  keepFailed: -1,
  ...changed,
});

/** The default options of a claim: all jobs that it takes begin at once. */
export const claimOptions = (countMax = 1, leaseMs = 1000, changed: Partial<ClaimOptions> = {}): ClaimOptions => ({
  countMax,
  beginMax: countMax,
  leaseMs,
  waitMs: 0,
  stalledMax: 1,
  holder: 0,
  ...changed,
});

/** An entry as the leader's node builds it. @param header the time, for both clocks, or the header's parts. */
export function entryData(header: number | Partial<EntryHeader>, ...requests: readonly Uint8Array[]): Uint8Array {
  const parts = typeof header === 'number' ? { logMs: header, wallMs: header } : header;
  const to = new ByteWriter(1024);
  writeEntryHeader(to, { version: MACHINE_VERSION, logMs: 0, wallMs: 0, isFirstOfTerm: false, ...parts });
  for (const request of requests) to.blob(request);
  return to.copy();
}

/** A claim as state-machine version 1 had it. */
export function claimOfVersion1(client: number, sequence: number, leaseMs: number): Uint8Array {
  const to = new ByteWriter();
  to.f64(client);
  to.f64(sequence);
  to.f64(1);
  to.u32(1);
  to.u8(SELECT_QUEUE_CODE);
  to.text('q');
  to.u8(COMMANDS.claim1.code);
  to.u32(1);
  to.f64(leaseMs);
  to.f64(0);
  return to.copy();
}

/** The checkpoint tables of a storage, in memory. */
export class Tables {
  readonly #rows = new Map<number, Map<number, Uint8Array>>();

  get rows(): number {
    return [...this.#rows.values()].reduce((sum, table) => sum + table.size, 0);
  }

  keys(kind: number): number[] {
    return [...this.#table(kind).keys()].sort((a, b) => a - b);
  }

  records(kind: number): { key: number; value: Uint8Array }[] {
    return this.keys(kind).map((key) => ({ key, value: this.#table(kind).get(key) as Uint8Array }));
  }

  read(kind: number, key: number): Uint8Array | undefined {
    return this.#table(kind).get(key);
  }

  /** Writes one checkpoint, as a node does. @returns the number of records. */
  write(machine: JobQueue): number {
    for (const { kind, key, value } of machine.takeChanges()) {
      if (value === undefined) this.#table(kind).delete(key);
      else this.#table(kind).set(key, value.slice());
    }
    return machine.checkpointWritten();
  }

  #table(kind: number): Map<number, Uint8Array> {
    const table = this.#rows.get(kind) ?? new Map<number, Uint8Array>();
    this.#rows.set(kind, table);
    return table;
  }
}

/** A machine with its tables, its log clock and one client whose session is open. */
export class TestQueue {
  readonly tables = new Tables();
  readonly encoder = new RequestEncoder();
  machine: JobQueue;
  /** Time of the log clock; the wall clock shows the same until it is stepped. */
  nowMs = START_MS;
  wallStepMs = 0;
  version: number;
  /** The next entry is the first of a leader's term. */
  isFirstOfTerm = false;
  index = 0;
  sequence = 0;
  /** Queues that got their only waiting job, in order; a test clears it. */
  filled: string[] = [];
  /** Queues whose readers of events were woken, in order. A test clears it. */
  readable: string[] = [];

  readonly #payloadInEntryBytes: number;

  readonly #bounds: Partial<StateBounds>;

  constructor(payloadInEntryBytes = 8_192, version = MACHINE_VERSION, bounds: Partial<StateBounds> = {}) {
    this.#bounds = bounds;
    this.#payloadInEntryBytes = payloadInEntryBytes;
    this.version = version;
    this.machine = this.#open();
    this.open();
  }

  /** Opens a session. @returns its id. */
  open(): number {
    const [reply] = this.apply(this.request((to) => to.command('openSession', {}), 1, OPENING));
    const [result] = reply === undefined ? [] : decodeReply(reply).results;
    if (!result?.ok || result.type !== 'opened') throw new Error('not opened');
    return result.client;
  }

  /** Builds a request; by default the client's next one, everything before acknowledged. */
  request(build: (to: RequestEncoder) => void, sequence = ++this.sequence, client = CLIENT, acknowledgedBelow = sequence): Uint8Array {
    this.encoder.begin(client, sequence, acknowledgedBelow);
    build(this.encoder);
    return this.encoder.finish();
  }

  /** Applies requests in one entry. @returns the replies in order. */
  apply(...requests: readonly Uint8Array[]): Uint8Array[] {
    const replies: Uint8Array[] = [];
    this.index += 1;
    const sink = { wants: () => true, reply: (_client: number, _sequence: number, bytes: Uint8Array) => void replies.push(bytes) };
    const { nowMs, wallStepMs, version, isFirstOfTerm } = this;
    this.isFirstOfTerm = false;
    const header = { version, logMs: nowMs, wallMs: nowMs + wallStepMs, isFirstOfTerm };
    this.machine.apply(asIndex(this.index), entryData(header, ...requests), sink);
    this.machine.check();
    return replies;
  }

  send(build: (to: RequestEncoder) => void): readonly OperationResult[] {
    const [reply] = this.apply(this.request(build));
    if (reply === undefined) throw new Error('no reply');
    return decodeReply(reply).results;
  }

  /** Sends a query. */
  read(build: (to: RequestEncoder) => void): readonly OperationResult[] {
    return decodeReply(this.machine.query(this.request(build))).results;
  }

  /** Sends one operation. */
  do(build: (to: RequestEncoder) => void): OperationResult {
    const [result] = this.send(build);
    if (result === undefined) throw new Error('no result');
    return result;
  }

  add(payload: string, changed: Partial<AddOptions> = {}, queue = 'q'): number {
    const result = this.do((to) => to.add(queue, bytesOf(payload), options(changed)));
    if (!result.ok || result.type !== 'added') throw new Error('not added');
    return result.id;
  }

  claim(countMax = 1, leaseMs = 1000, queue = 'q', changed: Partial<ClaimOptions> = {}): readonly ClaimedJob[] {
    const result = this.do((to) => to.claim(queue, claimOptions(countMax, leaseMs, changed)));
    if (!result.ok || result.type !== 'claimed') throw new Error('not claimed');
    return result.jobs;
  }

  claimOne(leaseMs = 1000, changed: Partial<ClaimOptions> = {}): ClaimedJob {
    const [job] = this.claim(1, leaseMs, 'q', changed);
    if (job === undefined) throw new Error('nothing waits');
    return job;
  }

  job(id: number): JobDetail | undefined {
    const result = this.do((to) => to.command('getJob', { jobId: id }));
    return result.ok && result.type === 'job' ? result.job : undefined;
  }

  /** Advances log time. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.apply();
  }

  checkpoint(): number {
    return this.tables.write(this.machine);
  }

  /** Simulates a crash right after a checkpoint. */
  restart(): void {
    this.checkpoint();
    this.machine = this.#open();
    this.machine.restore((kind) => this.tables.records(kind));
    this.machine.check();
  }

  #open(): JobQueue {
    return new JobQueue({
      readRecord: (kind, key) => this.tables.read(kind, key),
      payloadInEntryBytes: this.#payloadInEntryBytes,
      onQueueFilled: (queue) => this.filled.push(queue),
      onEvents: (queue) => this.readable.push(queue),
      bounds: this.#bounds,
    });
  }
}
