import { caughtUp } from '../measuring/catch-up.ts';
import { systemClock } from '../measuring/clock.ts';
import { addBulks } from './add-rates.ts';
import { withQueue } from './bench-cluster.ts';
import { type BenchMeasure, nodeCountOf } from './bench-measure.ts';
import type { BenchFigure } from './figure.ts';

const WARM_UP_BULKS = 20;
const BULKS = 1000;
const JOBS = BULKS * 1000;
const SETTLE_MS = 1500;
const RESTART = '1,000,000 waiting jobs: restart of a node';
const MEMORY = '1,000,000 waiting jobs: memory of a job and node';
const GIVEN_BACK = '1,000,000 waiting jobs: memory of a job that a node gives back';

/**
 * A million waiting jobs of 64 B.
 * - restart: from the call that starts a stopped node from its file until it has applied all entries that the leader has committed; every
 *   node in turn.
 * - memory of a job and node: how much the process's resident memory has grown, without the heap and buffers of the main thread (the load
 *   generator), for each job and node. It includes the nodes' heaps with what the collector has not yet freed, SQLite's caches, the log's
 *   tail and buffers: an upper bound of the job's own memory.
 * - memory that a node gives back: the decrease of the process's resident memory when the node stops, for each job.
 */
export const millionJobs: BenchMeasure = {
  label: '1,000,000 waiting jobs',
  expectedMs: 16_000,
  when: 'last',
  nodesMin: 3,
  figures: [
    { name: RESTART, unit: 'ms', better: 'less', floor: 'commit', goals: [{ of: 'median', limit: 3000 }] },
    { name: MEMORY, unit: 'B', better: 'less', floor: 'none', goals: [{ of: 'median', limit: 400 }] },
    { name: GIVEN_BACK, unit: 'B', better: 'less', floor: 'none' },
  ],
  measure: (context) =>
    withQueue(context, async ({ queue, cluster }) => {
      const { signal } = context;
      const figures: BenchFigure[] = [];
      await addBulks(queue, WARM_UP_BULKS, signal);
      await rest(signal);
      const before = residentBytes();
      await addBulks(queue, BULKS, signal);
      await rest(signal);
      figures.push({ figure: MEMORY, unit: 'B', value: (residentBytes() - before) / JOBS / nodeCountOf(context.config) });
      for (const node of cluster.nodeIds()) {
        if (signal.aborted) break;
        const runningBytes = process.memoryUsage().rss;
        await cluster.stop(node);
        await rest(signal);
        figures.push({ figure: GIVEN_BACK, unit: 'B', value: (runningBytes - process.memoryUsage().rss) / JOBS });
        const startMs = systemClock.nowMs();
        await cluster.restart(node);
        await caughtUp(cluster, node);
        figures.push({ figure: RESTART, unit: 'ms', value: systemClock.nowMs() - startMs });
      }
      return figures;
    }),
};

const rest = (signal: AbortSignal): Promise<void> => systemClock.waitUntil(systemClock.nowMs() + SETTLE_MS, signal);

/** Of the process, without the main thread's heap and buffers: `memoryUsage` reports all fields but `rss` for the calling thread only. */
function residentBytes(): number {
  const { rss, heapTotal, arrayBuffers } = process.memoryUsage();
  return rss - heapTotal - arrayBuffers;
}
