import { asIndex } from '../../src/base/ids.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { type ClaimedJob, decodeReply, type JobDetail, type OperationResult } from '../../src/queue/reply.ts';
import { type AddOptions, RequestEncoder } from '../../src/queue/request.ts';

export const START_MS = 1_700_000_000_000;
export const CLIENT = 7;

const text = new TextEncoder();
export const bytesOf = (value: string): Uint8Array => text.encode(value);
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

export const options = (changed: Partial<AddOptions> = {}): AddOptions => ({
  delayMs: 0,
  priority: 0,
  attemptsMax: 3,
  backoff: { type: 'none', delayMs: 0 },
  keepCompleted: -1,
  keepFailed: -1,
  ...changed,
});

/** An entry as the leader's node builds it. */
export function entryData(stampMs: number, ...requests: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(requests.reduce((size, request) => size + 4 + request.length, 8));
  const view = new DataView(data.buffer);
  view.setFloat64(0, stampMs, true);
  let at = 8;
  for (const request of requests) {
    view.setUint32(at, request.length, true);
    data.set(request, at + 4);
    at += 4 + request.length;
  }
  return data;
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

  /** Writes one checkpoint, as a node does. @returns how many records it had. */
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

/** A machine with its tables, its log's clock and one client whose session is open. */
export class TestQueue {
  readonly tables = new Tables();
  readonly encoder = new RequestEncoder();
  machine: JobQueue;
  nowMs = START_MS;
  index = 0;
  sequence = 0;

  readonly #contentInEntryBytes: number;

  constructor(contentInEntryBytes = 8_192) {
    this.#contentInEntryBytes = contentInEntryBytes;
    this.machine = this.#open();
    this.send((to) => to.openSession());
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
    this.machine.apply(asIndex(this.index), entryData(this.nowMs, ...requests), sink);
    this.machine.check();
    return replies;
  }

  send(build: (to: RequestEncoder) => void): readonly OperationResult[] {
    const [reply] = this.apply(this.request(build));
    if (reply === undefined) throw new Error('no reply');
    return decodeReply(reply).results;
  }

  /** Sends one operation. */
  do(build: (to: RequestEncoder) => void): OperationResult {
    const [result] = this.send(build);
    if (result === undefined) throw new Error('no result');
    return result;
  }

  add(content: string, changed: Partial<AddOptions> = {}, queue = 'q'): number {
    const result = this.do((to) => to.add(queue, bytesOf(content), options(changed)));
    if (!result.ok || result.type !== 'added') throw new Error('not added');
    return result.id;
  }

  claim(countMax = 1, leaseMs = 1000, queue = 'q'): readonly ClaimedJob[] {
    const result = this.do((to) => to.claim(queue, countMax, leaseMs, 0));
    if (!result.ok || result.type !== 'claimed') throw new Error('not claimed');
    return result.jobs;
  }

  claimOne(leaseMs = 1000): ClaimedJob {
    const [job] = this.claim(1, leaseMs);
    if (job === undefined) throw new Error('nothing waits');
    return job;
  }

  job(id: number): JobDetail | undefined {
    const result = this.do((to) => to.getJob(id));
    return result.ok && result.type === 'job' ? result.job : undefined;
  }

  /** Lets log time pass. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.apply();
  }

  checkpoint(): number {
    return this.tables.write(this.machine);
  }

  /** A crash right after a checkpoint. */
  restart(): void {
    this.checkpoint();
    this.machine = this.#open();
    this.machine.restore((kind) => this.tables.records(kind));
    this.machine.check();
  }

  #open(): JobQueue {
    return new JobQueue({ readRecord: (kind, key) => this.tables.read(kind, key), contentInEntryBytes: this.#contentInEntryBytes });
  }
}
