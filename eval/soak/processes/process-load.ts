import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClusterEndpoint, JobraftError, Queue, Worker } from '../../../src/index.ts';
import { DeliveryLedger } from './delivery-ledger.ts';

const QUEUE = 'soak';
const TICK_MS = 10;
const IN_FLIGHT_MAX = 1_000;
const CONCURRENCY = 100;
/** Longer than any fault, so that calls outlast it. */
const DEADLINE_MS = 60_000;
/** Every so many messages one is delayed: it needs the leader's time of day to pass. */
const DELAYED_EVERY = 20;
const DELAY_MS = 500;
const POLL_MS = 20;

interface Message {
  readonly n: number;
  readonly filler?: string;
}

/** Adds at a constant rate, and a worker that completes them, each on a client of its own. */
export class ProcessLoad implements AsyncDisposable {
  readonly ledger = new DeliveryLedger();
  readonly #adder: Client;
  readonly #consumer: Client;
  readonly #queue: Queue<Message>;
  readonly #worker: Worker<Message, null>;
  readonly #perTick: number;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #sent = 0;
  #inFlight = 0;
  #firstError: string | undefined;
  #hasDelays = true;
  #fillerBytes = 0;

  constructor(cluster: ClusterEndpoint, addsPerSecond: number) {
    this.#adder = new Client(cluster, { deadlineMs: DEADLINE_MS });
    this.#consumer = new Client(cluster, { deadlineMs: DEADLINE_MS });
    this.#queue = new Queue(QUEUE, { connection: this.#adder });
    this.#worker = new Worker<Message, null>(QUEUE, async () => null, { connection: this.#consumer, concurrency: CONCURRENCY });
    this.#worker.on('completed', ({ id, data }) => this.ledger.onCompleted(data.n, id));
    // A worker goes on after an error.
    this.#worker.on('error', (error) => this.#note(error));
    this.#perTick = (addsPerSecond * TICK_MS) / 1_000;
  }

  /** The first error of a call since this was last asked. */
  takeError(): string | undefined {
    const error = this.#firstError;
    this.#firstError = undefined;
    return error;
  }

  /** Resolves once no message is delayed any more; none is from now on. */
  async endDelays(): Promise<void> {
    this.#hasDelays = false;
    const untilMs = performance.now() + DEADLINE_MS;
    while ((await this.#queue.getJobCounts()).delayed > 0) {
      if (performance.now() > untilMs) throw new Error(`Messages are still delayed after ${DEADLINE_MS / 1_000} s.`);
      await sleep(POLL_MS);
    }
  }

  /** Messages are larger by so many bytes from now on. */
  enlarge(bytes: number): void {
    this.#fillerBytes = bytes;
  }

  start(): void {
    this.#hasDelays = true;
    this.#fillerBytes = 0;
    this.#timer = setInterval(() => this.#onTick(), TICK_MS);
  }

  /** Resolves once so many more adds were acknowledged. @throws when that takes a minute and a half. */
  async progressed(adds: number): Promise<void> {
    const enough = this.ledger.acknowledged + adds;
    if (!(await this.#until(() => this.ledger.acknowledged >= enough, 1.5 * DEADLINE_MS)))
      throw new Error(`${adds} more adds were not acknowledged within ${(1.5 * DEADLINE_MS) / 1_000} s. ${this.takeError() ?? ''}`.trim());
  }

  /** Ends the adds, and waits until the queue is empty. @returns false when it is not in time. */
  async drained(withinMs: number): Promise<boolean> {
    clearInterval(this.#timer);
    const untilMs = performance.now() + withinMs;
    if (!(await this.#until(() => this.#inFlight === 0, withinMs))) return false;
    const isEmpty = async (): Promise<boolean> => {
      const counts = await this.#queue.getJobCounts().catch(() => undefined);
      return counts !== undefined && counts.waiting + counts.active + counts.delayed === 0;
    };
    while (!(await isEmpty())) {
      if (performance.now() > untilMs) return false;
      await sleep(POLL_MS);
    }
    // The reply to a completion may be in transit.
    await this.#until(() => this.ledger.open === 0, 2_000);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#worker.close();
    await this.#queue.close();
    await this.#adder.close();
    await this.#consumer.close();
  }

  #onTick(): void {
    this.#due += this.#perTick;
    while (this.#due >= 1) {
      this.#due -= 1;
      if (this.#inFlight < IN_FLIGHT_MAX) void this.#add();
    }
  }

  async #add(): Promise<void> {
    const n = this.#sent;
    this.#sent += 1;
    this.#inFlight += 1;
    try {
      const message = this.#fillerBytes === 0 ? { n } : { n, filler: 'x'.repeat(this.#fillerBytes) };
      const { id } = await this.#queue.add('message', message, this.#hasDelays && n % DELAYED_EVERY === 0 ? { delay: DELAY_MS } : {});
      this.ledger.onAcknowledged(id, performance.now());
    } catch (error) {
      this.ledger.onRejected(error instanceof JobraftError ? error.outcome : undefined);
      this.#note(error);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #note(error: unknown): void {
    this.#firstError ??= error instanceof Error ? error.message : String(error);
  }

  async #until(isTrue: () => boolean, withinMs: number): Promise<boolean> {
    const untilMs = performance.now() + withinMs;
    while (!isTrue()) {
      if (performance.now() > untilMs) return false;
      await sleep(POLL_MS);
    }
    return true;
  }
}
