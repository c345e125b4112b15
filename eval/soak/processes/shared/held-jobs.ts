import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterEndpoint, Queue, Worker } from '../../../../src/index.ts';
import { POLL_MS } from '../load-generator.ts';

const HELD_QUEUE = 'held';
/** So long that a job is available again only because its lease was released. */
const LEASE_MS = 3_600_000;
const WAIT_MS_MAX = 60_000;
const CONCURRENCY = 10;

/** Jobs that a process holds by leases until it is asked to complete them. */
export class HeldJobs implements AsyncDisposable {
  readonly #cluster: ClusterEndpoint;
  readonly #queue: Queue<null>;
  readonly #begun: string[] = [];
  readonly #completed: string[] = [];
  #worker: Worker<null, null> | undefined;
  #onLetGo: () => void = () => undefined;

  constructor(cluster: ClusterEndpoint) {
    this.#cluster = cluster;
    this.#queue = new Queue(HELD_QUEUE, { connection: cluster });
  }

  async hold(count: number): Promise<readonly string[]> {
    const go = new Promise<void>((resolve) => {
      this.#onLetGo = resolve;
    });
    await this.#work(count, async () => await go);
    await this.#queue.addBulk(Array.from({ length: count }, () => ({ name: 'held', data: null })));
    await reached(() => this.#begun.length >= count, `${count} jobs are held`);
    return this.#begun;
  }

  async letGo(): Promise<readonly string[]> {
    this.#onLetGo();
    await this.#worker?.close();
    return this.#completed;
  }

  async take(count: number): Promise<readonly string[]> {
    await this.#work(CONCURRENCY, async () => undefined);
    await reached(() => this.#completed.length >= count, `${count} jobs of the killed process are completed`);
    await this.#worker?.close();
    return this.#completed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.letGo();
    await this.#queue.close();
  }

  async #work(concurrency: number, done: () => Promise<void>): Promise<void> {
    await this.#worker?.close();
    this.#begun.length = 0;
    this.#completed.length = 0;
    const work = async ({ id }: { readonly id: string }): Promise<null> => {
      this.#begun.push(id);
      await done();
      return null;
    };
    this.#worker = new Worker<null, null>(HELD_QUEUE, work, { connection: this.#cluster, concurrency, lockDuration: LEASE_MS });
    this.#worker.on('completed', ({ id }) => this.#completed.push(id));
    // A worker goes on after an error.
    this.#worker.on('error', () => undefined);
  }
}

async function reached(isReached: () => boolean, what: string): Promise<void> {
  const untilMs = performance.now() + WAIT_MS_MAX;
  while (!isReached()) {
    if (performance.now() > untilMs) throw new Error(`Not within ${WAIT_MS_MAX / 1_000} s: ${what}.`);
    await sleep(POLL_MS);
  }
}
