import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClusterEndpoint, JobraftError, Queue, Worker } from '../../../src/index.ts';
import { systemClock } from '../../measuring/clock.ts';
import { describeError } from './error-text.ts';

/** Receives the outcome of each call. */
export interface LoadSink {
  /** @param atMs on the system clock, which all processes of a machine share. */
  onAcknowledged(job: string, atMs: number): void;
  onRejected(outcome: string | undefined): void;
  onCompleted(message: number, job: string): void;
  /** Of an add, or of the worker, which goes on after it. */
  onError(text: string): void;
}

interface Message {
  readonly n: number;
  readonly filler?: string;
}

export const QUEUE = 'soak';
/** Longer than any fault, so that calls outlast it. */
export const DEADLINE_MS = 60_000;
export const POLL_MS = 20;
const TICK_MS = 10;
const IN_FLIGHT_MAX = 1_000;
const CONCURRENCY = 100;
/** Processes are killed again and again, and one message may be at work in two of them: that makes no dead letter. */
const STALLED_MAX = 1_000_000;
/** Every so many messages one is delayed: it needs the leader's time of day to pass. */
const DELAYED_EVERY = 20;
const DELAY_MS = 500;

/** Adds at a constant rate, and a worker that completes them, each on a client of its own. */
export class LoadGenerator implements AsyncDisposable {
  readonly #sink: LoadSink;
  readonly #adder: Client;
  readonly #consumer: Client;
  readonly #queue: Queue<Message>;
  readonly #worker: Worker<Message, null>;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #next: number;
  #inFlight = 0;
  #hasDelays = true;
  #fillerBytes = 0;

  /** @param firstMessage the numbers of the messages begin here. */
  constructor(cluster: ClusterEndpoint, sink: LoadSink, firstMessage = 0) {
    this.#sink = sink;
    this.#next = firstMessage;
    this.#adder = new Client(cluster, { deadlineMs: DEADLINE_MS });
    this.#consumer = new Client(cluster, { deadlineMs: DEADLINE_MS });
    // Completed jobs stay: a killed process may not have reported those that it completed, so that their state is read.
    this.#queue = new Queue(QUEUE, { connection: this.#adder, defaultJobOptions: { removeOnComplete: false } });
    const settings = { connection: this.#consumer, concurrency: CONCURRENCY, maxStalledCount: STALLED_MAX };
    this.#worker = new Worker<Message, null>(QUEUE, async () => null, settings);
    this.#worker.on('completed', ({ id, data }) => sink.onCompleted(data.n, id));
    this.#worker.on('error', (error) => this.#note(error));
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  start(addsPerSecond: number): void {
    this.#hasDelays = true;
    this.#fillerBytes = 0;
    this.stop();
    this.#timer = setInterval(() => this.#onTick((addsPerSecond * TICK_MS) / 1_000), TICK_MS);
  }

  /** Adds nothing more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Messages are larger by so many bytes from now on. */
  enlarge(bytes: number): void {
    this.#fillerBytes = bytes;
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

  /** Whether no job is left; also false when the cluster does not reply. */
  async isEmpty(): Promise<boolean> {
    const counts = await this.#queue.getJobCounts().catch(() => undefined);
    return counts !== undefined && counts.waiting + counts.active + counts.delayed === 0;
  }

  /** Those of the jobs that are completed. */
  async completedOf(jobs: readonly string[]): Promise<readonly string[]> {
    const states = await Promise.all(jobs.map(async (job) => [job, await this.#queue.getJobState(job)] as const));
    return states.filter(([, state]) => state === 'completed').map(([job]) => job);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#worker.close();
    await this.#queue.close();
    await this.#adder.close();
    await this.#consumer.close();
  }

  #onTick(perTick: number): void {
    this.#due += perTick;
    while (this.#due >= 1) {
      this.#due -= 1;
      if (this.#inFlight < IN_FLIGHT_MAX) void this.#add();
    }
  }

  async #add(): Promise<void> {
    const n = this.#next;
    this.#next += 1;
    this.#inFlight += 1;
    try {
      const message = this.#fillerBytes === 0 ? { n } : { n, filler: 'x'.repeat(this.#fillerBytes) };
      const { id } = await this.#queue.add('message', message, this.#hasDelays && n % DELAYED_EVERY === 0 ? { delay: DELAY_MS } : {});
      this.#sink.onAcknowledged(id, systemClock.nowMs());
    } catch (error) {
      this.#sink.onRejected(error instanceof JobraftError ? error.outcome : undefined);
      this.#note(error);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #note(error: unknown): void {
    this.#sink.onError(describeError(error));
  }
}
