import { availableParallelism } from 'node:os';
import type { Cluster } from '../../src/index.ts';
import { type ResourceSnapshot, usageBetween } from '../load/resource-usage.ts';
import { ResourceWatch } from '../load/resource-watch.ts';
import { optionalNumber } from './cells.ts';

const share = optionalNumber;

/** What a load used while its rate was measured: shares of the time, in [0, 1]; empty where the system does not say. */
export const usedColumns = {
  /** This process, of all processors. */
  processors_share: share,
  /** The leader's thread: on a processor; ready to run, while others had the processors; waiting for the disk. */
  leader_on_processor: share,
  leader_ready: share,
  leader_on_disk: share,
  /** The thread of the client, which is that of the load. */
  client_on_processor: share,
  client_ready: share,
  /** At least one request of the disk was in progress. */
  disk_busy: share,
  /** Written to the disk, by all nodes and everything else, 10^6 B a second. */
  disk_mb_per_s: share,
};
export type UsedColumns = Readonly<Record<keyof typeof usedColumns, number | null>>;

export const NOTHING_WATCHED: UsedColumns = {
  ...{ processors_share: null, leader_on_processor: null, leader_ready: null, leader_on_disk: null },
  ...{ client_on_processor: null, client_ready: null, disk_busy: null, disk_mb_per_s: null },
};

interface ClusterSample {
  readonly resources: ResourceSnapshot;
  readonly leader: number | undefined;
}

/** Watches what a cluster of threads and its client use. `use` gets the function that takes a sample. */
export async function withWatch<T>(
  cluster: Cluster,
  dataDir: string,
  use: (sample: () => Promise<ClusterSample>) => Promise<T>,
): Promise<T> {
  await using watch = await ResourceWatch.open(dataDir);
  return await use(async () => ({ resources: await watch.snapshot(), leader: await cluster.leader() }));
}

/** @param samples undefined if nothing was measured. A leader that changed has no columns. */
export function usedBetween(samples: { readonly before: ClusterSample; readonly after: ClusterSample } | undefined): UsedColumns {
  if (samples === undefined) return NOTHING_WATCHED;
  const { before, after } = samples;
  const { processors, diskBusy, diskMegabytesPerSecond, threads } = usageBetween(before.resources, after.resources, availableParallelism());
  const leader = before.leader === after.leader ? threads.get(`jobraft node ${after.leader}`) : undefined;
  const client = threads.get('MainThread');
  return {
    processors_share: processors,
    leader_on_processor: leader?.onProcessor ?? null,
    leader_ready: leader?.ready ?? null,
    leader_on_disk: leader?.onDisk ?? null,
    client_on_processor: client?.onProcessor ?? null,
    client_ready: client?.ready ?? null,
    disk_busy: diskBusy ?? null,
    disk_mb_per_s: diskMegabytesPerSecond ?? null,
  };
}
