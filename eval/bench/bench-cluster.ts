import { Client, type Cluster, type ClusterOptions, Queue, startCluster } from '../../src/index.ts';
import type { BenchContext } from './bench-measure.ts';

export const SMALL_BYTES = 64;

export interface BenchQueue {
  readonly client: Client;
  readonly queue: Queue;
}

interface BenchCluster extends BenchQueue {
  readonly cluster: Cluster;
}

/** A fresh cluster with a leader for one measurement; closed afterwards in any case. */
export async function withCluster<T>(
  { config: { logs: _logs, ...config }, dataDir, seed }: BenchContext,
  use: (cluster: Cluster) => Promise<T>,
  overrides: Pick<ClusterOptions, 'nodes' | 'logs'> | Pick<ClusterOptions, 'logs'> = {},
): Promise<T> {
  const cluster = await startCluster({ ...config, dataDir, seed, ...overrides });
  try {
    await cluster.waitForLeader();
    return await use(cluster);
  } finally {
    await cluster.close();
  }
}

/** The same with a client and a queue. */
export const withQueue = <T>(
  context: BenchContext,
  use: (bench: BenchCluster) => Promise<T>,
  overrides: Parameters<typeof withCluster>[2] = {},
): Promise<T> => withCluster(context, (cluster) => withClient(cluster, (bench) => use({ cluster, ...bench })), overrides);

/** A client of a cluster, and its queue. */
export async function withClient<T>(cluster: ConstructorParameters<typeof Client>[0], use: (bench: BenchQueue) => Promise<T>): Promise<T> {
  const client = new Client(cluster);
  try {
    return await use({ client, queue: new Queue('bench', { connection: client }) });
  } finally {
    await client.close();
  }
}

/** Adds jobs for a duration, with `inFlightMax` in flight. @returns acknowledged adds a second. */
export async function addInFlightFor(
  queue: Queue,
  durationMs: number,
  options: { readonly bytes: number; readonly inFlightMax: number; readonly signal: AbortSignal },
): Promise<number> {
  const payload = new Uint8Array(options.bytes);
  const before = performance.now();
  let added = 0;
  const isTimeLeft = (): boolean => performance.now() - before < durationMs && !options.signal.aborted;
  await inLanes(options.inFlightMax, isTimeLeft, async () => {
    await queue.add('message', payload);
    added += 1;
  });
  return (added * 1000) / (performance.now() - before);
}

/** Calls `act` `count` times, at most `most` at once; stops early when the signal is aborted. */
export async function inFlight(count: number, most: number, signal: AbortSignal, act: () => Promise<unknown>): Promise<void> {
  let begun = 0;
  await inLanes(
    Math.min(most, count),
    () => begun < count && !signal.aborted,
    () => {
      begun += 1;
      return act();
    },
  );
}

/** Concurrent loops, each of which calls `act` while `isMore()` holds. */
async function inLanes(lanes: number, isMore: () => boolean, act: () => Promise<unknown>): Promise<void> {
  const lane = async (): Promise<void> => {
    while (isMore()) await act();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
