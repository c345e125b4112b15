import { setTimeout as sleep } from 'node:timers/promises';
import { checkHistory, type HistoryReport } from '../../src/history/checkers/check-history.ts';
import { HistoryRecorder } from '../../src/history/history.ts';
import { RecordingEndpoint } from '../../src/history/recording-endpoint.ts';
import { Client, type ClusterEndpoint, JobraftError, Queue, Worker } from '../../src/index.ts';
import { messageOf } from '../measuring/user-error.ts';
import { until } from '../upgrade/processes.ts';

const ADDERS = 4;
const ADD_PAUSE_MS = 20;
const READ_PAUSE_MS = 50;
/** Of a call; then its outcome is unknown. */
const DEADLINE_MS = 5_000;
const FINAL_DEADLINE_MS = 60_000;
const LEASE_MS = 2_000;
const CONCURRENCY = 4;
const STALLED_MAX = 1_000_000;
/** The whole queue is checked up to this many adds: the search grows with concurrent operations of unknown outcome. */
const SMALL_ADDS_MAX = 24;
const SMALL_PAUSE_MS = 250;
const QUEUE_STEPS_MAX = 500_000;
const CLOCK_ERROR_MS = 50;
const KEPT = { removeOnComplete: false, removeOnFail: false, attempts: 3 } as const;

/** What clients saw of a scenario. */
export interface LoadReport {
  readonly acknowledged: number;
  /** Adds without a reply before their deadline. */
  readonly unknown: number;
  /** Acknowledged jobs that are not there at the end, or not completed. */
  readonly lost: readonly string[];
  readonly history: HistoryReport;
}

/** Clients that add, work and read while faults are injected; every call is recorded. */
export class RecordedLoad {
  readonly #recorder = new HistoryRecorder({ nowUs: () => Number(process.hrtime.bigint() / 1_000n) });
  readonly #endpoint: ClusterEndpoint;
  readonly #cluster: ClusterEndpoint;
  readonly #queueName: string;
  readonly #clients: Client[] = [];
  readonly #loops: Promise<void>[] = [];
  readonly #workers: Worker<string>[] = [];
  readonly #acknowledged: string[] = [];
  #calls = 0;
  #unknown = 0;
  #smallAdds = 0;
  #isOn = true;

  /** @param queueName no other load uses it. */
  constructor(cluster: ClusterEndpoint, queueName: string) {
    this.#cluster = cluster;
    this.#endpoint = new RecordingEndpoint(cluster, { recorder: this.#recorder, keyOf });
    this.#queueName = queueName;
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  get #smallName(): string {
    return `${this.#queueName}-small`;
  }

  start(): void {
    for (let adder = 0; adder < ADDERS; adder += 1) this.#loops.push(this.#addLoop());
    this.#loops.push(this.#smallLoop(), this.#readLoop());
    for (const name of [this.#queueName, this.#smallName]) this.#work(name);
  }

  /** Resolves once more adds were acknowledged. */
  async more(count: number): Promise<void> {
    const target = this.acknowledged + count;
    await until(`${count} more adds are acknowledged`, () => this.acknowledged >= target);
  }

  /** Stops adding, waits until all jobs are completed, reads each of them, and checks the history. */
  async finish(): Promise<LoadReport> {
    this.#isOn = false;
    await Promise.all(this.#loops);
    const client = new Client(this.#cluster, { deadlineMs: FINAL_DEADLINE_MS });
    const queue = new Queue<string>(this.#queueName, { connection: client });
    const small = new Queue<string>(this.#smallName, { connection: client });
    await until('all jobs are completed', async () => {
      const counts = await Promise.all([queue, small].map((each) => each.getJobCounts()));
      return counts.every(({ waiting, active, delayed }) => waiting + active + delayed === 0);
    });
    const done = new Set((await Promise.all([queue, small].map((each) => each.getJobs('completed')))).flat().map(({ id }) => id));
    const lost = this.#acknowledged.filter((id) => !done.has(id));
    await Promise.all(this.#workers.map((worker) => worker.close(true)));
    await Promise.all([client, ...this.#clients].map((each) => each.close()));
    const history = checkHistory(this.#recorder.events, {
      ...{ clockErrorMs: CLOCK_ERROR_MS, wholeQueues: [this.#smallName], queueStepsMax: QUEUE_STEPS_MAX },
    });
    return { acknowledged: this.acknowledged, unknown: this.#unknown, lost, history };
  }

  /** Ends without a report, after a fault. */
  async abandon(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#workers.map((worker) => worker.close(true)));
    await Promise.all([...this.#loops, ...this.#clients.map((each) => each.close())]);
  }

  async #addLoop(): Promise<void> {
    const queue = new Queue<string>(this.#queueName, { connection: this.#client() });
    while (this.#isOn) {
      await this.#add(queue);
      await sleep(ADD_PAUSE_MS);
    }
  }

  async #smallLoop(): Promise<void> {
    const queue = new Queue<string>(this.#smallName, { connection: this.#client() });
    for (; this.#isOn && this.#smallAdds < SMALL_ADDS_MAX; this.#smallAdds += 2) {
      await Promise.all([this.#add(queue), this.#add(queue), queue.getJobCounts().catch(ignoreJobraftError)]);
      await sleep(SMALL_PAUSE_MS);
    }
  }

  async #readLoop(): Promise<void> {
    const queue = new Queue<string>(this.#queueName, { connection: this.#client() });
    while (this.#isOn) {
      const id = this.#acknowledged.at(-1 - Math.floor(Math.random() * 20));
      if (id !== undefined) await queue.getJob(id).catch(ignoreJobraftError);
      await sleep(READ_PAUSE_MS);
    }
  }

  async #add(queue: Queue<string>): Promise<void> {
    this.#calls += 1;
    try {
      const { id } = await queue.add('job', `${queue.name} ${this.#calls}`, KEPT);
      this.#acknowledged.push(id);
    } catch (error) {
      ignoreJobraftError(error);
      if (error instanceof JobraftError && error.outcome === 'unknown') this.#unknown += 1;
    }
  }

  #work(name: string): void {
    const settings = { connection: this.#client(), concurrency: CONCURRENCY, lockDuration: LEASE_MS, maxStalledCount: STALLED_MAX };
    const worker = new Worker<string>(name, async ({ data }) => data, settings);
    // Calls fail under faults.
    worker.on('error', () => undefined);
    this.#workers.push(worker);
  }

  #client(): Client {
    const client = new Client(this.#endpoint, { deadlineMs: DEADLINE_MS });
    this.#clients.push(client);
    return client;
  }
}

/** Calls fail under faults; any other error is a defect of this program. */
function ignoreJobraftError(error: unknown): void {
  if (!(error instanceof JobraftError)) throw new Error(messageOf(error), { cause: error });
}

const decoder = new TextDecoder('latin1');

/** The data is the key as a JSON string, and is at the end of the payload. */
const keyOf = (payload: Uint8Array): string => /"([^"]*)"$/.exec(decoder.decode(payload))?.[1] ?? '';
