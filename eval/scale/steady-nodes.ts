import { Worker } from '../../src/index.ts';
import { median } from '../measuring/statistics.ts';
import { PAYLOAD, withScaleCluster } from './scale-cluster.ts';
import { residentMemory, type ScaleMeasure } from './scale-measure.ts';

const UNFINISHED_MAX = 2_000;
const CONCURRENCY = 100;
const WARM_UP_MS = 3_000;
const MEASURED_MS = 10_000;
const ADDS_ALONE = 300;

/** Full cycles a second, an add alone, and elections, on clusters of several sizes; no jobs pile up. */
export const steadyNodes: ScaleMeasure = {
  name: 'nodes',
  sizes: [1, 3, 5, 7, 9, 11, 13],
  isShared: false,
  measure: (context) =>
    withScaleCluster(
      context,
      async ({ cluster, client, queue }) => {
        let completed = 0;
        let isOver = false;
        const worker = new Worker(queue.name, async () => null, { connection: client, concurrency: CONCURRENCY });
        const termBefore = await termOf(cluster);
        const stopped = new Promise<void>((resolve, reject) => {
          const add = (): void => void queue.add('message', PAYLOAD).catch(reject);
          worker.on('error', reject);
          worker.on('completed', () => {
            completed += 1;
            if (!isOver) add();
            else if (completed % UNFINISHED_MAX === 0) resolve();
          });
          for (let job = 0; job < UNFINISHED_MAX; job += 1) add();
        });
        await passed(WARM_UP_MS, stopped);
        const [before, beganMs] = [completed, performance.now()];
        await passed(MEASURED_MS, stopped);
        context.report({
          figure: 'add, claim, complete',
          unit: '/s',
          value: ((completed - before) * 1_000) / (performance.now() - beganMs),
        });
        context.report(residentMemory());
        isOver = true;
        await worker.close();
        const alone: number[] = [];
        for (let add = 0; add < ADDS_ALONE; add += 1) {
          const addedMs = performance.now();
          await queue.add('message', PAYLOAD);
          alone.push(performance.now() - addedMs);
        }
        context.report({ figure: 'one add at a time, p50', unit: 'ms', value: median(alone) });
        context.report({ figure: 'elections', unit: 'count', value: (await termOf(cluster)) - termBefore });
      },
      { nodes: context.size },
    ),
};

/** @throws what `failed` rejects with. */
async function passed(durationMs: number, failed: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, durationMs);
  await Promise.race([promise, failed]);
  clearTimeout(timer);
}

async function termOf(cluster: { waitForLeader(): Promise<number>; status(node: number): Promise<{ readonly term: number }> }) {
  const { term } = await cluster.status(await cluster.waitForLeader());
  return term;
}
