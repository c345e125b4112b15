import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import type { HistogramCounts } from '../base/histogram.ts';
import { measureNode, type NodeMeasurements } from '../node/measurements.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { MachineMeasurements } from '../queue/queue-measurements.ts';

/** What a node's thread, or process, uses. */
export interface ResourceSample {
  /** CPU time of the node's thread, or of its process; null where the system does not report it. */
  readonly cpuMs: number | null;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  /** Buffers outside of the heap. */
  readonly externalBytes: number;
  /** Of the whole process. */
  readonly residentBytes: number;
  /** How late its timers were. */
  readonly eventLoopDelayMs: HistogramCounts;
  /** Of each transaction, its fsync included. */
  readonly writeMs: HistogramCounts;
  /** Of the node's file with its WAL and its segments; null without a file. */
  readonly fileBytes: number | null;
  /** The id of the key that the node's file is encrypted with; null for one that is not. */
  readonly encryptionKey: string | null;
  /** Of the file system of the node's file. */
  readonly diskFreeBytes: number | null;
  readonly diskBytes: number | null;
}

/** Everything that metrics show of one node; plain data, bounded in size. */
export interface NodeSample {
  readonly node: NodeMeasurements;
  readonly jobs: MachineMeasurements;
  readonly resources: ResourceSample;
  /** Peers that a leader had no message of for an election timeout, and those that a node which is a process has no channel to. */
  readonly unreachable: readonly number[];
  /** When the node's certificate expires, ms since the epoch; absent without one. */
  readonly certificateUntilMs?: number;
  /** How often a bound of a client was reached, by its name; none of a node that is a thread. */
  readonly clientRejections: Readonly<Record<string, number>>;
}

/** The sample of a node; undefined while it does not run, or does not reply. */
export interface NodeReading {
  readonly node: number;
  readonly sample?: NodeSample | undefined;
}

export interface SampledNode {
  readonly runtime: NodeRuntime<JobQueue>;
  /** Undefined for a node in memory. */
  readonly file: string | undefined;
  /** The size of the segments beside it. */
  readonly segmentBytes: number;
  readonly encryptionKey: string | undefined;
  readonly cpuMs: number | null;
  readonly eventLoopDelayMs: HistogramCounts;
  readonly writeMs: HistogramCounts;
  readonly electionTimeoutMs: number;
  /** Peers that it has no channel to. */
  readonly withoutChannel: readonly number[];
  readonly clientRejections?: Readonly<Record<string, number>>;
}

/** Samples a node in its own thread. */
export function sampleNode({
  runtime,
  file,
  segmentBytes,
  encryptionKey,
  cpuMs,
  eventLoopDelayMs,
  writeMs,
  ...network
}: SampledNode): NodeSample {
  const node = measureNode(runtime, performance.now());
  const silent = node.peers.filter(({ silentMs }) => silentMs > network.electionTimeoutMs).map(({ peer }) => peer);
  const { used_heap_size, heap_size_limit, external_memory } = getHeapStatistics();
  return {
    node,
    jobs: runtime.machine.measure(Date.now()),
    resources: {
      cpuMs,
      heapUsedBytes: used_heap_size,
      heapLimitBytes: heap_size_limit,
      externalBytes: external_memory,
      residentBytes: process.memoryUsage.rss(),
      eventLoopDelayMs,
      writeMs,
      encryptionKey: encryptionKey ?? null,
      ...diskSample(file, segmentBytes),
    },
    clientRejections: network.clientRejections ?? {},
    unreachable: [...new Set([...silent, ...network.withoutChannel])],
  };
}

function diskSample(file: string | undefined, segmentBytes: number): Pick<ResourceSample, 'fileBytes' | 'diskFreeBytes' | 'diskBytes'> {
  const nothing = { fileBytes: null, diskFreeBytes: null, diskBytes: null };
  if (file === undefined) return nothing;
  try {
    const { bavail, blocks, bsize } = statfsSync(dirname(file));
    const walBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    return { fileBytes: statSync(file).size + walBytes + segmentBytes, diskFreeBytes: bavail * bsize, diskBytes: blocks * bsize };
  } catch {
    return nothing;
  }
}
