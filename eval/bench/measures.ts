import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import { Client, type Cluster, Queue, startCluster, Worker } from '../../src/index.ts';
import { systemClock } from '../clock.ts';
import { MessageBook } from '../message-book.ts';
import { PayloadCodec } from '../payload.ts';
import { produce } from '../producer.ts';
import type { Workload } from '../workload.ts';

/** What one measurement gave: one figure, or the latencies behind several. */
export interface BenchSample {
  readonly measure: MeasureId;
  readonly values: readonly number[];
}

export type MeasureId = 'add' | 'add-bulk' | 'add-alone' | 'open-loop' | 'cycle' | 'add-64k' | 'leader-kill';

export interface BenchContext {
  readonly config: ClusterConfig;
  /** A folder that does not exist yet. */
  readonly dataDir: string;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** What `add` gave in this round, in adds a second; the open loop is offered half of it. */
  readonly capacityPerSecond: number;
}

const SMALL_BYTES = 64;
const LARGE_BYTES = 65_536;
const BULK_JOBS = 1000;

/** @returns adds a second, acknowledged, 64 B, many in flight, by add(). */
export const measureAdd = (context: BenchContext): Promise<BenchSample> =>
  withQueue(context, async (queue) => {
    await addInFlight(queue, 5000, SMALL_BYTES, 2000, context);
    return { measure: 'add', values: [await addInFlight(queue, 30_000, SMALL_BYTES, 4000, context)] };
  });

/** The same by addBulk() of 1,000, four bulks in flight. */
export const measureAddBulk = (context: BenchContext): Promise<BenchSample> =>
  withQueue(context, async (queue) => {
    const payload = new Uint8Array(SMALL_BYTES);
    const jobs = Array.from({ length: BULK_JOBS }, () => ({ name: 'message', data: payload }));
    const bulks = async (count: number): Promise<number> => {
      const before = performance.now();
      await inFlight(count, 4, context.signal, () => queue.addBulk(jobs));
      return (count * BULK_JOBS * 1000) / (performance.now() - before);
    };
    await bulks(8);
    return { measure: 'add-bulk', values: [await bulks(50)] };
  });

/** @returns milliseconds of each add, one at a time. */
export const measureAddAlone = (context: BenchContext): Promise<BenchSample> =>
  withQueue(context, async (queue) => {
    const payload = new Uint8Array(SMALL_BYTES);
    const alone = async (count: number): Promise<number[]> => {
      const tookMs: number[] = [];
      await inFlight(count, 1, context.signal, async () => {
        const before = performance.now();
        await queue.add('message', payload);
        tookMs.push(performance.now() - before);
      });
      return tookMs;
    };
    await alone(200);
    return { measure: 'add-alone', values: await alone(1000) };
  });

/** @returns milliseconds from each add's due time to its acknowledgement, offered at half of capacity. */
export const measureOpenLoop = (context: BenchContext): Promise<BenchSample> =>
  withQueue(context, async (queue) => {
    const ratePerSecond = context.capacityPerSecond / 2;
    await addInFlight(queue, 5000, SMALL_BYTES, 2000, context);
    const workload: Workload = { model: 'open-loop', ratePerSecond, messages: Math.ceil(ratePerSecond * 2), payloadBytes: SMALL_BYTES };
    const book = new MessageBook(workload.messages);
    await produce(workload, {
      system: { add: async (_queue, payload) => void (await queue.add('message', payload)), addOutcome: () => 'unknown' },
      clock: systemClock,
      book,
      payloads: new PayloadCodec(SMALL_BYTES, context.seed),
      queue: queue.name,
      signal: context.signal,
      onSent: () => undefined,
    });
    const acknowledged = [...book.samples()].filter(({ outcome }) => outcome === 'acknowledged');
    return { measure: 'open-loop', values: acknowledged.map(({ intendedMs, acknowledgedMs }) => acknowledgedMs - intendedMs) };
  });

/** @returns jobs a second that were added, claimed and completed; empty handler, concurrency 100. */
export const measureCycle = (context: BenchContext): Promise<BenchSample> =>
  withQueue(context, async (queue, client) => {
    await cycle(queue, client, 3000, context);
    return { measure: 'cycle', values: [await cycle(queue, client, 15_000, context)] };
  });

/** @returns adds a second of 64 KiB. */
export const measureLargeAdd = (context: BenchContext): Promise<BenchSample> =>
  withQueue(context, async (queue) => {
    await addInFlight(queue, 50, LARGE_BYTES, 32, context);
    return { measure: 'add-64k', values: [await addInFlight(queue, 400, LARGE_BYTES, 64, context)] };
  });

const KILLS = 4;

/** @returns milliseconds from the leader's kill to the next acknowledged add, a few times over. */
export const measureLeaderKill = (context: BenchContext): Promise<BenchSample> =>
  withQueue(context, async (queue, _client, cluster) => {
    const values: number[] = [];
    for (let kill = 0; kill < KILLS && !context.signal.aborted; kill += 1) {
      await queue.add('message', kill);
      const leader = await cluster.waitForLeader();
      const before = performance.now();
      await cluster.kill(leader);
      await queue.add('message', kill);
      values.push(performance.now() - before);
      await cluster.restart(leader);
      await caughtUp(cluster, leader);
    }
    return { measure: 'leader-kill', values };
  });

/** A fresh cluster, client and queue for one measurement. */
async function withQueue<T>(context: BenchContext, use: (queue: Queue, client: Client, cluster: Cluster) => Promise<T>): Promise<T> {
  const { logs: _logs, ...config } = context.config;
  const cluster = await startCluster({ ...config, dataDir: context.dataDir, seed: context.seed });
  try {
    await cluster.waitForLeader();
    const client = new Client(cluster);
    try {
      return await use(new Queue('bench', { connection: client }), client, cluster);
    } finally {
      await client.close();
    }
  } finally {
    await cluster.close();
  }
}

async function addInFlight(queue: Queue, count: number, bytes: number, inFlightMax: number, context: BenchContext): Promise<number> {
  const payload = new Uint8Array(bytes);
  const before = performance.now();
  await inFlight(count, inFlightMax, context.signal, () => queue.add('message', payload));
  return (count * 1000) / (performance.now() - before);
}

async function cycle(queue: Queue, client: Client, count: number, context: BenchContext): Promise<number> {
  const worker = new Worker(queue.name, async () => null, { connection: client, concurrency: 100 });
  const before = performance.now();
  let completed = 0;
  try {
    const allCompleted = new Promise<void>((resolve, reject) => {
      worker.on('completed', () => {
        completed += 1;
        if (completed === count) resolve();
      });
      worker.on('error', reject);
      context.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.all([addInFlight(queue, count, SMALL_BYTES, 1000, context), allCompleted]);
    return (completed * 1000) / (performance.now() - before);
  } finally {
    await worker.close();
  }
}

/** Calls `act` `count` times, at most `most` at once; stops early when the signal is aborted. */
async function inFlight(count: number, most: number, signal: AbortSignal, act: () => Promise<unknown>): Promise<void> {
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < count && !signal.aborted) {
      begun += 1;
      await act();
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, count) }, lane));
}

const CATCH_UP_MS_MAX = 10_000;
const CATCH_UP_POLL_MS = 5;

/** Waits until the restarted node has what the leader has committed, so that every kill finds a whole cluster. */
async function caughtUp(cluster: Cluster, node: number): Promise<void> {
  const deadlineMs = systemClock.nowMs() + CATCH_UP_MS_MAX;
  while (systemClock.nowMs() < deadlineMs) {
    const leader = await cluster.waitForLeader();
    const [ahead, restarted] = await Promise.all([cluster.status(leader), cluster.status(node)]);
    if (restarted.leaderId === leader && restarted.applied >= ahead.commit) return;
    await systemClock.waitUntil(systemClock.nowMs() + CATCH_UP_POLL_MS);
  }
  throw new Error(`Node ${node} did not catch up within ${CATCH_UP_MS_MAX} ms after its restart.`);
}
