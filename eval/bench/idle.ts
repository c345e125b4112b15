import type { Cluster } from '../../src/index.ts';
import { systemClock } from '../measuring/clock.ts';
import { withCluster } from './bench-cluster.ts';
import type { BenchMeasure } from './bench-measure.ts';

const SETTLE_MS = 25_000;
const WATCHED_MS = 8000;
const ALL_THREADS = 'idle cluster: CPU of all threads';
const NODE_THREADS = "idle cluster: CPU of the nodes' threads";
const MICROSECONDS_PER_MS = 1000;

/**
 * CPU in percent of one core of a cluster without requests, over eight seconds after twenty-five of rest (for that long V8 continues the
 * work of the start): of the whole process (the nodes' threads, the main thread, Node.js's own threads), and of the nodes'
 * threads, where the system reports it. First of a session, before any other measure.
 */
export const idleCpu: BenchMeasure = {
  label: 'idle CPU',
  expectedMs: SETTLE_MS + WATCHED_MS + 800,
  when: 'first',
  figures: [
    { name: ALL_THREADS, unit: '%', better: 'less', floor: 'none', goals: [{ of: 'median', limit: 2 }] },
    { name: NODE_THREADS, unit: '%', better: 'less', floor: 'none' },
  ],
  measure: (context) =>
    withCluster(context, async (cluster) => {
      await systemClock.waitUntil(systemClock.nowMs() + SETTLE_MS, context.signal);
      const nodesBeforeMs = await nodeThreadsMs(cluster);
      const [before, startMs] = [process.cpuUsage(), systemClock.nowMs()];
      await systemClock.waitUntil(startMs + WATCHED_MS, context.signal);
      const { user, system } = process.cpuUsage(before);
      const tookMs = systemClock.nowMs() - startMs;
      const nodesAfterMs = await nodeThreadsMs(cluster);
      const all = { figure: ALL_THREADS, unit: '%', value: (100 * (user + system)) / MICROSECONDS_PER_MS / tookMs } as const;
      if (nodesBeforeMs === undefined || nodesAfterMs === undefined) return [all];
      return [all, { figure: NODE_THREADS, unit: '%', value: (100 * (nodesAfterMs - nodesBeforeMs)) / tookMs }];
    }),
};

async function nodeThreadsMs(cluster: Cluster): Promise<number | undefined> {
  let sum = 0;
  for (const { cpuMs } of await cluster.metrics()) {
    if (cpuMs === null) return undefined;
    sum += cpuMs;
  }
  return sum;
}
