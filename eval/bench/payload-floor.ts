import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const WORKER_FILE = new URL('./payload-floor-worker.js', import.meta.url);

export interface PayloadFloorOptions {
  readonly folder: string;
  /** Files, each with a thread of its own. */
  readonly nodes: number;
  readonly payloadBytes: number;
  /** Payloads that are not synced by a majority yet. */
  readonly inFlight: number;
  /** Payloads that are measured. */
  readonly count: number;
}

/** Data of one thread. */
export interface PayloadFloorTask {
  /** The file of the payloads; a database beside it has the references. */
  readonly file: string;
  readonly payloadBytes: number;
  /** `inFlight` payloads one after the other. */
  readonly slab: SharedArrayBuffer;
}

/** From the producer to a thread: places in the slab. Back: `ready` once, then the places whose payloads are durable. */
export type PayloadFloorMessage = readonly number[] | 'ready';

const WARM_UP_SHARE = 0.2;

/** Which places of the slab are free, and how many payloads a majority has. */
export class MajorityCount {
  readonly #nodes: number;
  readonly #majority: number;
  readonly #synced = new Map<number, number>();
  readonly #free: number[];
  #durable = 0;

  constructor(nodes: number, inFlight: number) {
    this.#nodes = nodes;
    this.#majority = Math.floor(nodes / 2) + 1;
    this.#free = Array.from({ length: inFlight }, (_, place) => place);
  }

  /** Payloads that a majority has. */
  get durable(): number {
    return this.#durable;
  }

  /** @returns places for the next payloads, `countMax` at most. */
  take(countMax: number): readonly number[] {
    const taken = this.#free.splice(0, countMax);
    for (const place of taken) this.#synced.set(place, 0);
    return taken;
  }

  /** One node has the payloads at these places. A place is free again once all nodes have read it. */
  onSynced(places: readonly number[]): void {
    for (const place of places) {
      const nodes = (this.#synced.get(place) ?? 0) + 1;
      this.#synced.set(place, nodes);
      if (nodes === this.#majority) this.#durable += 1;
      if (nodes < this.#nodes) continue;
      this.#synced.delete(place);
      this.#free.push(place);
    }
  }
}

/**
 * What the machine does in the same design, without jobraft: one producer writes payloads into shared memory; the thread of each node takes
 * their checksums, appends them to a preallocated file, syncs it, and commits one row for each in SQLite. A payload counts when a majority
 * has it. @returns payloads a second. @throws an error of a thread; all threads are ended then.
 */
export async function payloadsPerSecond({ folder, nodes, payloadBytes, inFlight, count }: PayloadFloorOptions): Promise<number> {
  const slab = new SharedArrayBuffer(payloadBytes * inFlight);
  const workers = Array.from({ length: nodes }, (_, at) => {
    const workerData: PayloadFloorTask = { file: join(folder, `floor-payloads-${at}`), payloadBytes, slab };
    return new Worker(WORKER_FILE, { workerData });
  });
  try {
    return await new Promise((resolve, reject) => {
      const producer = new Producer({ workers, slab, payloadBytes, inFlight, count, onEnd: resolve });
      for (const worker of workers) {
        worker.on('message', (message: PayloadFloorMessage) => producer.onMessage(message));
        worker.once('error', reject);
        worker.once('exit', () => reject(new Error('A thread of the floor has ended.')));
      }
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

interface ProducerOptions {
  readonly workers: readonly Pick<Worker, 'postMessage'>[];
  readonly slab: SharedArrayBuffer;
  readonly payloadBytes: number;
  readonly inFlight: number;
  readonly count: number;
  readonly onEnd: (perSecond: number) => void;
}

class Producer {
  readonly #options: ProducerOptions;
  readonly #slab: Uint8Array;
  readonly #payload: Uint8Array;
  readonly #majority: MajorityCount;
  readonly #warmUp: number;
  #ready = 0;
  #sinceMs: number | undefined;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#slab = new Uint8Array(options.slab);
    this.#payload = new Uint8Array(options.payloadBytes).fill(1);
    this.#majority = new MajorityCount(options.workers.length, options.inFlight);
    this.#warmUp = Math.ceil(options.count * WARM_UP_SHARE);
  }

  onMessage(message: PayloadFloorMessage): void {
    const { workers, inFlight, count, onEnd } = this.#options;
    if (message === 'ready') {
      this.#ready += 1;
      if (this.#ready < workers.length) return;
    } else this.#majority.onSynced(message);
    const measured = this.#majority.durable - this.#warmUp;
    if (measured >= 0) this.#sinceMs ??= performance.now();
    if (measured >= count && this.#sinceMs !== undefined) {
      onEnd((measured * 1_000) / (performance.now() - this.#sinceMs));
      return;
    }
    this.#send(this.#majority.take(inFlight));
  }

  #send(places: readonly number[]): void {
    if (places.length === 0) return;
    for (const place of places) this.#slab.set(this.#payload, place * this.#payload.length);
    for (const worker of this.#options.workers) worker.postMessage(places);
  }
}
