import { SeededRandom } from '../../src/base/random.ts';
import type { Calls, OperationFunction } from '../../src/history/functions.ts';
import type { HistoryRecorder, OpenCall } from '../../src/history/history.ts';
import { RecordingEndpoint } from '../../src/history/recording-endpoint.ts';
import { Client, type ClusterEndpoint, type Job, JobraftError, Queue } from '../../src/index.ts';
import { CuttableEndpoint } from './cuttable-endpoint.ts';
import type { JobAudit } from './job-audit.ts';
import { LEASE_MS, passMs } from './processing.ts';
import { workLoop } from './work-loop.ts';

/** All jobs of this queue are kept, so that its counts must be exact. */
export const KEPT_QUEUE = 'kept';
/** Jobs of this queue are removed, by retention and by name. */
export const TRIMMED_QUEUE = 'trimmed';
/** Number of small queues of a process, used one after the other. */
const SMALL_QUEUES = 6;
/**
 * A small queue has few operations, so that the order of all of them can be checked. Its jobs are removed once they are completed. The
 * search grows with the number of concurrent operations, and of those that follow one of unknown outcome: so a queue has few of
 * both.
 */
const smallQueuesOf = (life: number): readonly string[] => Array.from({ length: SMALL_QUEUES }, (_, at) => `small-${life}-${at}`);
/** The small queues of this many processes. */
export const smallQueues = (processes: number): readonly string[] =>
  Array.from({ length: processes }, (_, life) => smallQueuesOf(life)).flat();
const BUSY_QUEUES = [KEPT_QUEUE, TRIMMED_QUEUE] as const;
const COMPLETED_KEPT: Readonly<Record<string, number>> = { [KEPT_QUEUE]: -1, [TRIMMED_QUEUE]: 50 };

export interface LoadOptions {
  readonly recorder: HistoryRecorder;
  readonly addsPerSecond: number;
  readonly seed: number;
  readonly audit: JobAudit;
  /** Number of earlier processes. */
  readonly life: number;
}

const ADDERS = 8;
const READERS = 2;
/** Workers of each busy queue with processors in functions; one more has its processor in a file. */
const WORKERS = 2;
const DEADLINE_MS = 3_000;
/**
 * A client's connection is cut from time to time: briefly, so that it repeats its requests; past its leases; or past its deadlines.
 */
const CUT_PAUSE_MS = 700;
const CUTS_MS = [600, 600, LEASE_MS + 400, DEADLINE_MS + 300] as const;
const READ_PAUSE_MS = 40;
/** Pause before a failed read is retried: calls may be rejected at once as long as a fault lasts. */
const REPEAT_PAUSE_MS = 100;
const ATTEMPTS = 3;
/** Between two rounds of adds to a small queue. */
const SMALL_PAUSE_MS = 400;
/** Rounds of a small queue before the next one replaces it: about 70 operations in all. */
const SMALL_ROUNDS = 10;
/** Concurrency of a small queue's worker. */
const SMALL_CONCURRENCY = 2;
/** Ids from which reads, removals and retries choose; older ones are dropped. */
const RECENT_MAX = 2_000;

/**
 * A typical load of clients, recorded call by call: they add, work, fail, read, retry and remove. Adds, reads and commands
 * are recorded where the user calls them, a worker's own operations when they are sent to the cluster.
 */
export class Load {
  readonly #cluster: ClusterEndpoint;
  readonly #options: LoadOptions;
  readonly #random: SeededRandom;
  readonly #clients: Client[] = [];
  readonly #loops: Promise<void>[] = [];
  readonly #endpoints: CuttableEndpoint[] = [];
  readonly #recent: { readonly id: number; readonly queue: string }[] = [];
  /** Small queues of earlier processes may hold jobs, too; resolves once they are known. */
  #leftovers: Promise<readonly string[]> | undefined;
  #observer: Client | undefined;
  #isAdding = true;
  #isOn = true;
  #added = 0;

  constructor(cluster: ClusterEndpoint, options: LoadOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  start(): void {
    for (let adder = 0; adder < ADDERS; adder += 1) this.#loops.push(this.#addLoop(this.#client()));
    for (let reader = 0; reader < READERS; reader += 1) this.#loops.push(this.#readLoop(this.#client()));
    for (const queue of BUSY_QUEUES) {
      for (let worker = 0; worker < WORKERS; worker += 1) this.#loops.push(this.#workLoop(queue, false));
      this.#loops.push(this.#workLoop(queue, true));
    }
    this.#loops.push(this.#smallLoop(this.#client()), this.#leftoverLoop(), this.#cutLoop());
  }

  /** From now on no job is added, and every client is connected. */
  stopAdding(): void {
    this.#isAdding = false;
    for (const endpoint of this.#endpoints) endpoint.heal();
  }

  /** Jobs that are not finished yet, over all queues. */
  async unfinished(): Promise<number> {
    const leftover = await this.#openLeftovers();
    let unfinished = 0;
    for (const name of [...BUSY_QUEUES, ...smallQueuesOf(this.#options.life), ...leftover]) unfinished += await this.#unfinishedOf(name);
    return unfinished;
  }

  /** Not recorded: it is called often, and only operations of the load are checked. */
  async #unfinishedOf(name: string): Promise<number> {
    this.#observer ??= this.#client();
    const { waiting, active, delayed } = await new Queue<string>(name, { connection: this.#observer }).getJobCounts();
    return waiting + active + delayed;
  }

  #openLeftovers(): Promise<readonly string[]> {
    this.#leftovers ??= this.#findLeftovers();
    return this.#leftovers;
  }

  async #findLeftovers(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const name of smallQueues(this.#options.life)) {
      for (let isKnown = false; !isKnown && this.#isOn; ) {
        try {
          if ((await this.#unfinishedOf(name)) > 0) found.push(name);
          isKnown = true;
        } catch (error) {
          // Calls fail under faults.
          if (!(error instanceof JobraftError)) throw error;
          await passMs(REPEAT_PAUSE_MS * this.#random.nextBetween(0.5, 1.5));
        }
      }
    }
    return found;
  }

  /** Finishes the jobs that killed processes left in their small queues. */
  async #leftoverLoop(): Promise<void> {
    await Promise.all((await this.#openLeftovers()).map((queue) => this.#workLoop(queue, false, SMALL_CONCURRENCY)));
  }

  /** Reads each job once. */
  async readAll(ids: readonly number[], queueName: string): Promise<void> {
    const queue = new Queue<string>(queueName, { connection: this.#client() });
    const left = [...ids];
    const readers = Array.from({ length: 64 }, async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) await this.#read(queue, id);
    });
    await Promise.all(readers);
  }

  async close(): Promise<void> {
    this.#isOn = false;
    this.stopAdding();
    await Promise.all(this.#loops);
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #addLoop(client: Client): Promise<void> {
    const queues = BUSY_QUEUES.map((name) => new Queue<string>(name, { connection: client }));
    const pauseMs = (1_000 * ADDERS) / this.#options.addsPerSecond;
    while (this.#isAdding) {
      const queue = queues[this.#chance(0.7) ? 0 : 1];
      if (queue !== undefined) await this.#add(queue);
      await passMs(pauseMs * this.#random.nextBetween(0.5, 1.5));
    }
  }

  /** The workers of earlier queues continue: an add of unknown outcome may add its job late. */
  async #smallLoop(client: Client): Promise<void> {
    for (const name of smallQueuesOf(this.#options.life)) {
      if (!this.#isAdding) return;
      this.#loops.push(this.#workLoop(name, false, SMALL_CONCURRENCY));
      await this.#addRounds(new Queue<string>(name, { connection: client }));
    }
  }

  async #addRounds(queue: Queue<string>): Promise<void> {
    for (let round = 0; round < SMALL_ROUNDS && this.#isAdding; round += 1) {
      await Promise.all([this.#add(queue), this.#add(queue), this.#counts(queue).catch(() => {})]);
      await passMs(SMALL_PAUSE_MS * this.#random.nextBetween(0.5, 1.5));
    }
  }

  async #add(queue: Queue<string>): Promise<void> {
    this.#added += 1;
    const key = `${this.#options.life}-${this.#added}`;
    const priority = this.#chance(0.2) ? 1 : 0;
    const delayMs = this.#chance(0.05) ? 100 : 0;
    const isLifo = this.#chance(0.2);
    const keep = COMPLETED_KEPT[queue.name] ?? 0;
    const call = { key, queue: queue.name, priority, isLifo, delayMs, attemptsMax: ATTEMPTS, keepCompleted: keep, keepFailed: -1 };
    await this.#recorded('add', call, async () => {
      const job = await queue.add('job', key, {
        priority,
        lifo: isLifo,
        delay: delayMs,
        attempts: ATTEMPTS,
        backoff: this.#chance(0.5) ? 50 : 0,
        removeOnComplete: keep < 0 ? false : keep,
        removeOnFail: false,
      });
      if (queue.name in COMPLETED_KEPT) this.#remember(Number(job.id), queue.name);
      return { job: Number(job.id) };
    });
  }

  async #readLoop(client: Client): Promise<void> {
    const queues = new Map(BUSY_QUEUES.map((name) => [name as string, new Queue<string>(name, { connection: client })]));
    while (this.#isOn) {
      await passMs(READ_PAUSE_MS * this.#random.nextBetween(0.5, 1.5));
      const recent = this.#oneOf(this.#recent);
      const queue = queues.get(recent?.queue ?? KEPT_QUEUE);
      if (queue === undefined || !this.#isOn) continue;
      if (recent === undefined || this.#chance(0.2)) {
        await this.#counts(queue).catch(() => {});
        continue;
      }
      const deadLetter = await this.#read(queue, recent.id);
      if (deadLetter !== undefined) await this.#retry(queue, deadLetter);
      else if (queue.name === TRIMMED_QUEUE && this.#chance(0.1)) await this.#remove(queue, recent.id);
    }
  }

  /** @returns the job if it is a dead letter. */
  async #read(queue: Queue<string>, id: number): Promise<Job<string> | undefined> {
    let found: Job<string> | undefined;
    const read = await this.#recorded('getJob', { job: id }, async () => {
      const job = await queue.getJob(String(id));
      if (job === undefined) return { state: null };
      found = job;
      this.#options.audit.onRead(job);
      return { state: job.state ?? null, key: job.data, token: job.token ?? 0 };
    });
    return read?.state === 'failed' ? found : undefined;
  }

  async #counts(queue: Queue<string>) {
    const counts = await this.#recorded('counts', { queue: queue.name }, async () => ({ ...(await queue.getJobCounts()) }));
    if (counts === undefined) throw new Error('the counts are not known');
    return counts;
  }

  async #retry(queue: Queue<string>, deadLetter: Job<string>): Promise<void> {
    // Some stay dead letters until the end.
    if (!this.#isAdding || this.#chance(0.5)) return;
    await this.#recorded('retry', { job: Number(deadLetter.id), queue: queue.name }, async () => {
      await deadLetter.retry();
      return null;
    });
  }

  async #remove(queue: Queue<string>, id: number): Promise<void> {
    await this.#recorded('remove', { job: id }, async () => {
      await queue.remove(String(id));
      return null;
    });
  }

  /** Records the call before it is made, and its outcome before it is used. */
  async #recorded<F extends OperationFunction>(f: F, call: Calls[F], make: () => Promise<Parameters<OpenCall<F>['ok']>[0]>) {
    const open = this.#options.recorder.invoke(f, call);
    try {
      const result = await make();
      open.ok(result);
      return result;
    } catch (error) {
      const code = error instanceof JobraftError ? error.code : String(error);
      if (error instanceof JobraftError && error.outcome === 'not-applied') open.fail(code);
      else open.info(code);
      // Errors of queue and cluster are outcomes; any other error is a defect of this program.
      if (!(error instanceof JobraftError)) throw error;
      return undefined;
    }
  }

  async #workLoop(queue: string, isInFile: boolean, concurrency?: number): Promise<void> {
    const { recorder, audit } = this.#options;
    const client = this.#clientOf(new RecordingEndpoint(this.#endpoint(), { recorder, keyOf }));
    await workLoop({ queue, client, audit, random: this.#random, isInFile, concurrency, isOn: () => this.#isOn });
  }

  async #cutLoop(): Promise<void> {
    while (this.#isAdding) {
      await passMs(CUT_PAUSE_MS * this.#random.nextBetween(0.5, 1.5));
      const endpoint = this.#oneOf(this.#endpoints);
      if (!this.#isAdding || endpoint === undefined) return;
      endpoint.cut();
      setTimeout(() => endpoint.heal(), this.#oneOf(CUTS_MS));
    }
  }

  #remember(id: number, queue: string): void {
    this.#recent.push({ id, queue });
    if (this.#recent.length > RECENT_MAX) this.#recent.shift();
  }

  #client(): Client {
    return this.#clientOf(this.#endpoint());
  }

  #clientOf(endpoint: ClusterEndpoint): Client {
    const client = new Client(endpoint, { deadlineMs: DEADLINE_MS });
    this.#clients.push(client);
    return client;
  }

  #endpoint(): CuttableEndpoint {
    const endpoint = new CuttableEndpoint(this.#cluster);
    this.#endpoints.push(endpoint);
    return endpoint;
  }

  #oneOf<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random.nextUnit() * items.length)];
  }

  #chance(probability: number): boolean {
    return this.#random.nextUnit() < probability;
  }
}

const decoder = new TextDecoder('latin1');

/** The data is the key as a JSON string, and is at the end of the payload. */
function keyOf(payload: Uint8Array): string {
  return /"([^"]*)"$/.exec(decoder.decode(payload))?.[1] ?? '';
}
