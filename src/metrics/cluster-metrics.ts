import type { Registry } from 'prom-client';
import type { NodeCounters } from '../node/node-metrics.ts';
import { openMetricsRegistry, type ReadNodes } from './metrics-registry.ts';

export interface NodeMetrics extends NodeCounters {
  readonly node: number;
  readonly role: string;
  readonly term: number;
  /** CPU time of the node's thread in milliseconds; null where the system does not report it. */
  readonly cpuMs: number | null;
}

/** What the nodes of a cluster count. */
export interface ClusterMetrics {
  /** The counters of all nodes that run and reply. */
  (): Promise<readonly NodeMetrics[]>;
  /**
   * A registry of prom-client for this cluster alone: `await cluster.metrics.register.metrics()` is a scrape, of the series in
   * docs/monitoring.md. A scrape takes a second at most: a node that does not reply has `jobraft_up` 0, and no other series.
   */
  readonly register: Registry;
}

/** @param readNodes for a scrape. */
export function clusterMetrics(counters: () => Promise<readonly NodeMetrics[]>, readNodes: ReadNodes): ClusterMetrics {
  let register: Registry | undefined;
  return Object.defineProperty(counters, 'register', {
    enumerable: true,
    get: () => {
      register ??= openMetricsRegistry(readNodes);
      return register;
    },
  }) as ClusterMetrics;
}
