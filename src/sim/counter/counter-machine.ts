import { ByteReader, ByteWriter, MalformedBytesError } from '../../base/bytes.ts';
import type { LogIndex } from '../../base/ids.ts';
import { invariant } from '../../base/invariant.ts';
import type { Inspection, RequestFault, RequestPolicy } from '../../node/request-policy.ts';
import type { OpenMachine, QueryRun, ReplySink, StateMachine } from '../../node/state-machine.ts';
import { type EntryHeader, readEntryHeader, UnsupportedVersionError } from '../../protocol/entry-data.ts';
import type { RecordChange, RecordSource } from '../../protocol/record.ts';
import { ADD_VERSION, CounterCode, counterReply, readCounterRequest } from './counter-request.ts';

/** The checkpoint: `counter` has one record, `client` one for each client, by its id. */
export const COUNTER_RECORD_KINDS = ['counter', 'client'] as const;
const RecordKind = Object.freeze({ counter: 0, client: 1 });

export const COUNTER_VERSION = 2;

/** The latest executed request of a client, which sends one at a time. */
interface Latest {
  readonly sequence: number;
  readonly value: number;
}

/**
 * A replicated counter: the smallest state machine that a node can run. Each request is executed once: the state keeps each client's latest
 * request and its reply.
 */
export class CounterMachine implements StateMachine {
  readonly versionMax: number;
  readonly nextLogDueMs = Number.POSITIVE_INFINITY;
  readonly nextWallDueMs = Number.POSITIVE_INFINITY;
  readonly isTermStartDue = false;
  #version = 1;
  #logMs = 0;
  #value = 0;
  readonly #clients = new Map<number, Latest>();
  /** Clients whose record is older than the state. */
  #changed = new Set<number>();
  /** How many records the checkpoint that is being written has. */
  #writing: number | undefined;

  /** @param versionMax the newest version that it applies. */
  constructor(versionMax = COUNTER_VERSION) {
    this.versionMax = versionMax;
  }

  get version(): number {
    return this.#version;
  }

  get logMs(): number {
    return this.#logMs;
  }

  get value(): number {
    return this.#value;
  }

  get pendingChanges(): number {
    return this.#changed.size;
  }

  get pendingWork() {
    return { once: 0, repeated: this.#changed.size };
  }

  apply(index: LogIndex, data: Uint8Array, replies?: ReplySink): void {
    invariant(this.#writing === undefined, () => `entry ${index} is applied while a checkpoint is written`);
    const reader = new ByteReader(data);
    const header = readEntryHeader(data, reader);
    if (header === undefined) return;
    if (header.version > this.versionMax) throw unsupported(`Entry ${index} of the log needs version ${header.version}`, this.versionMax);
    if (header.version >= this.#version) this.#advance(header);
    while (reader.remaining >= 4) {
      const length = reader.u32();
      if (length > reader.remaining) return;
      const start = reader.skip(length);
      this.#onRequest(new ByteReader(data, start, start + length), replies);
    }
  }

  openQuery(request: Uint8Array): QueryRun {
    const { header } = readCounterRequest(new ByteReader(request));
    return new CounterQuery(() => counterReply({ ...header, value: this.#value }));
  }

  takeChanges(): Iterable<RecordChange> {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#writing = 1 + changed.size;
    return this.#records(changed);
  }

  checkpointWritten(): number {
    const count = this.#writing;
    invariant(count !== undefined, () => 'no checkpoint is being written');
    this.#writing = undefined;
    return count;
  }

  restore(records: RecordSource): void {
    this.#version = 1;
    this.#logMs = 0;
    this.#value = 0;
    this.#clients.clear();
    this.#changed = new Set();
    this.#writing = undefined;
    for (const { value } of records(RecordKind.counter)) {
      const reader = new ByteReader(value);
      this.#version = reader.u16();
      if (this.#version > this.versionMax) throw unsupported(`The checkpoint is of version ${this.#version}`, this.versionMax);
      this.#logMs = reader.f64();
      this.#value = reader.f64();
    }
    for (const { key, value } of records(RecordKind.client)) {
      const reader = new ByteReader(value);
      this.#clients.set(key, { sequence: reader.f64(), value: reader.f64() });
    }
  }

  digest(): string {
    const clients = [...this.#clients].sort(([one], [other]) => one - other);
    return JSON.stringify([this.#version, this.#logMs, this.#value, clients]);
  }

  check(): void {
    for (const [client, { value }] of this.#clients) {
      invariant(value <= this.#value, () => `client ${client} received ${value}, and the counter has ${this.#value}`);
    }
  }

  #advance({ version, logMs }: EntryHeader): void {
    this.#version = version;
    this.#logMs = Math.max(this.#logMs, logMs);
  }

  #onRequest(reader: ByteReader, replies: ReplySink | undefined): void {
    const request = parsed(reader);
    if (request === undefined) return;
    const { client, sequence } = request.header;
    let latest = this.#clients.get(client);
    if (latest === undefined || sequence > latest.sequence) {
      this.#value += request.operation.amount;
      latest = { sequence, value: this.#value };
      this.#clients.set(client, latest);
      this.#changed.add(client);
    }
    const value = latest.sequence === sequence ? latest.value : undefined;
    if (replies?.wants(client, sequence) === true) replies.reply(client, sequence, counterReply({ client, sequence, value }));
  }

  *#records(changed: ReadonlySet<number>): Generator<RecordChange> {
    const to = new ByteWriter(18);
    to.u16(this.#version);
    to.f64(this.#logMs);
    to.f64(this.#value);
    yield { kind: RecordKind.counter, key: 0, value: to.copy() };
    for (const client of changed) {
      const latest = this.#clients.get(client);
      invariant(latest !== undefined, () => `client ${client} has changed and is unknown`);
      to.reset();
      to.f64(latest.sequence);
      to.f64(latest.value);
      yield { kind: RecordKind.client, key: client, value: to.copy() };
    }
  }
}

class CounterQuery implements QueryRun {
  readonly workBytes = 0;
  done = 0;
  readonly #read: () => Uint8Array;

  constructor(read: () => Uint8Array) {
    this.#read = read;
  }

  get isOver(): boolean {
    return this.done > 0;
  }

  next(): Uint8Array {
    this.done = 1;
    return this.#read();
  }
}

const INVALID: RequestFault = { code: 'INVALID_REQUEST', message: 'Send one increment or add to the counter, or a query.', operations: [] };

/** Requests to the counter never wait. */
const COUNTER_POLICY: RequestPolicy = {
  versionMax: COUNTER_VERSION,
  inspect: (request, version = COUNTER_VERSION): Inspection => {
    const code = parsed(new ByteReader(request))?.operation.code;
    const isKnown = code === CounterCode.increment || (code === CounterCode.add && version >= ADD_VERSION);
    return isKnown ? {} : { fault: INVALID };
  },
  inspectQuery: (request) => (parsed(new ByteReader(request))?.operation.code === CounterCode.read ? undefined : INVALID),
  available: () => 0,
  // No request of it waits.
  isExecuted: () => false,
  isAcknowledged: () => false,
};

/** @param versionMax the newest version of the node's release. */
export const openCounter =
  (versionMax?: number): OpenMachine<CounterMachine> =>
  () => ({ machine: new CounterMachine(versionMax), policy: COUNTER_POLICY });

function parsed(reader: ByteReader): ReturnType<typeof readCounterRequest> | undefined {
  try {
    return readCounterRequest(reader);
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

const unsupported = (what: string, versionMax: number): UnsupportedVersionError =>
  new UnsupportedVersionError(what, `has up to ${versionMax}`);
