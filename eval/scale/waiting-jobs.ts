import { Worker } from '../../src/index.ts';
import { median } from '../measuring/statistics.ts';
import { addJobs, restartSeconds, withScaleCluster } from './scale-cluster.ts';
import { residentMemory, type ScaleMeasure, secondsOf } from './scale-measure.ts';

/** The rates of the first and of the last jobs are of so many. */
const PARTS = 10;
const PAGE_JOBS = 1_000;
const PAGES = 20;
const CONCURRENCY = 100;
const CLAIMED_SHARE = 100;

/** So many waiting jobs of 64 B: what each costs in memory, how adds, pages and claims slow down, and a restart of each node. */
export const waitingJobs: ScaleMeasure = {
  name: 'waiting jobs',
  sizes: [10_000_000],
  isShared: true,
  measure: ({ size, report, ...context }) =>
    withScaleCluster({ size, report, ...context }, async ({ cluster, client, queue }) => {
      const before = process.memoryUsage.rss();
      const part = Math.ceil(size / PARTS);
      for (let at = 1; at <= PARTS; at += 1) {
        const seconds = await secondsOf(() => addJobs(queue, part));
        if (at === 1) report({ figure: 'adds in bulk, the first tenth', unit: '/s', value: part / seconds });
        if (at === PARTS) report({ figure: 'adds in bulk, the last tenth', unit: '/s', value: part / seconds });
      }
      report(residentMemory());
      const nodes = cluster.nodeIds();
      report({
        figure: 'memory of a job and node',
        unit: 'B',
        value: (process.memoryUsage.rss() - before) / (part * PARTS) / nodes.length,
      });
      const pages: number[] = [];
      for (let page = 0; page < PAGES; page += 1) {
        const start = page * PAGE_JOBS;
        pages.push(1_000 * (await secondsOf(() => queue.getJobs('waiting', { start, end: start + PAGE_JOBS - 1, asc: true }))));
      }
      report({ figure: 'a page of 1,000 jobs, p50', unit: 'ms', value: median(pages) });
      const claimed = Math.max(1, Math.floor(size / CLAIMED_SHARE));
      const worker = new Worker(queue.name, async () => null, { connection: client, concurrency: CONCURRENCY, autorun: false });
      const completed = new Promise<void>((resolve, reject) => {
        let count = 0;
        worker.on('error', reject);
        worker.on('completed', () => {
          count += 1;
          if (count === claimed) resolve();
        });
      });
      const seconds = await secondsOf(async () => {
        void worker.run();
        await completed;
      });
      await worker.close();
      report({ figure: 'claims and completions', unit: '/s', value: claimed / seconds });
      for (const node of nodes) report({ figure: 'restart of a node', unit: 's', value: await restartSeconds(cluster, node) });
    }),
};
