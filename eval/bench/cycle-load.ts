import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type Queue, Worker } from '../../src/index.ts';
import type { SteadyLoad } from '../load/steady-state.ts';
import { SMALL_BYTES } from './bench-cluster.ts';

export interface CycleOptions {
  /** Size of a payload. Default: 64. */
  readonly bytes?: number;
  /** Maximum number of jobs that are added and not yet completed: jobs are added as fast as they are completed. Default: 2,000. */
  readonly unfinishedMax?: number;
}

const UNFINISHED_MAX = 2000;
const CONCURRENCY_MAX = 100;

/** Jobs through a full cycle: added, claimed and completed by one Worker with an empty handler. */
export class CycleLoad implements SteadyLoad {
  readonly #queue: Queue;
  readonly #client: Client;
  readonly #payload: Uint8Array;
  readonly #unfinishedMax: number;
  #worker: Worker<unknown, null> | undefined;
  #added = 0;
  #completed = 0;
  #isEnded = false;
  #failure: unknown;

  constructor(queue: Queue, client: Client, { bytes = SMALL_BYTES, unfinishedMax = UNFINISHED_MAX }: CycleOptions = {}) {
    this.#queue = queue;
    this.#client = client;
    this.#payload = new Uint8Array(bytes);
    this.#unfinishedMax = unfinishedMax;
  }

  start(): void {
    const concurrency = Math.min(CONCURRENCY_MAX, this.#unfinishedMax);
    const worker = new Worker<unknown, null>(this.#queue.name, async () => null, { connection: this.#client, concurrency });
    worker.on('completed', () => {
      this.#completed += 1;
      this.#add();
    });
    worker.on('error', (error) => this.#fail(error));
    this.#worker = worker;
    while (this.#added < this.#unfinishedMax) this.#add();
  }

  /** Completes what was added. */
  async stop(): Promise<void> {
    this.#isEnded = true;
    while (this.#completed < this.#added && this.#failure === undefined) await sleep(5);
    await this.#worker?.close();
    if (this.#failure !== undefined) throw this.#failure;
  }

  completed(): number {
    return this.#completed;
  }

  isEnded(): boolean {
    return this.#isEnded;
  }

  #add(): void {
    if (this.#isEnded) return;
    this.#added += 1;
    this.#queue.add('message', this.#payload).catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#isEnded = true;
  }
}
