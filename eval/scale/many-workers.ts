import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from '../../src/index.ts';
import { addJobs, withScaleCluster } from './scale-cluster.ts';
import { residentMemory, type ScaleMeasure, secondsOf } from './scale-measure.ts';

const SETTLE_MS = 5_000;
const IDLE_MS = 10_000;
const JOBS_PER_WORKER = 5;

/** So many workers of one process, each of one job at a time, on one queue: what they cost while nothing waits, and jobs through all. */
export const manyWorkers: ScaleMeasure = {
  name: 'workers',
  sizes: [10_000],
  isShared: true,
  measure: ({ size, report, ...context }) =>
    withScaleCluster({ size, report, ...context }, async ({ cluster, client, queue }) => {
      let completed = 0;
      const jobs = size * JOBS_PER_WORKER;
      const { promise: allCompleted, resolve, reject } = Promise.withResolvers<void>();
      const workers = Array.from({ length: size }, () => {
        const worker = new Worker(queue.name, async () => null, { connection: client, concurrency: 1 });
        worker.on('error', reject);
        worker.on('completed', () => {
          completed += 1;
          if (completed === jobs) resolve();
        });
        return worker;
      });
      await sleep(SETTLE_MS);
      report(residentMemory());
      const leader = await cluster.waitForLeader();
      const [{ lastIndex }, cpu] = [await cluster.status(leader), process.cpuUsage()];
      await sleep(IDLE_MS);
      const { user, system } = process.cpuUsage(cpu);
      report({
        figure: 'log entries while nothing waits',
        unit: '/s',
        value: (((await cluster.status(leader)).lastIndex - lastIndex) * 1_000) / IDLE_MS,
      });
      report({ figure: 'processor time while nothing waits', unit: '%', value: ((user + system) / 1_000 / IDLE_MS) * 100 });
      const seconds = await secondsOf(() => Promise.all([addJobs(queue, jobs), allCompleted]));
      report({ figure: 'add, claim, complete', unit: '/s', value: jobs / seconds });
      const closing = await secondsOf(() => Promise.all(workers.map((worker) => worker.close())));
      report({ figure: 'closing all workers', unit: 's', value: closing });
    }),
};
