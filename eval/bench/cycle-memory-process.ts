import { Worker } from '../../src/index.ts';
import { median } from '../measuring/statistics.ts';
import { SMALL_BYTES, withQueue } from './bench-cluster.ts';
import type { CycleMemoryReport, CycleMemoryTask } from './cycle-memory.ts';

/** Maximum number of jobs that are added and not yet completed, so that the memory is not that of waiting jobs. */
const UNFINISHED_MAX = 2_000;
const CONCURRENCY = 100;
/** Resident memory varies with the collector: each mark gets the median of the last samples before it. */
const SAMPLED_CYCLES = 200_000;
const SAMPLE_EVERY = 5_000;

/** The measured process: runs full cycles until the last mark. */
async function main({ marks, ...context }: CycleMemoryTask): Promise<void> {
  const last = marks.at(-1) ?? 0;
  await withQueue({ ...context, signal: new AbortController().signal, medianOf: () => undefined }, async ({ queue, client }) => {
    const payload = new Uint8Array(SMALL_BYTES);
    const worker = new Worker(queue.name, async () => null, { connection: client, concurrency: CONCURRENCY });
    const samples: number[] = [];
    let added = 0;
    let completed = 0;
    await new Promise<void>((resolve, reject) => {
      const add = (): void => {
        added += 1;
        queue.add('message', payload).catch(reject);
      };
      worker.on('error', reject);
      worker.on('completed', () => {
        completed += 1;
        if (completed % SAMPLE_EVERY === 0) samples.push(process.memoryUsage.rss());
        if (marks.includes(completed)) send({ cycles: completed, residentBytes: median(samples.slice(-SAMPLED_CYCLES / SAMPLE_EVERY)) });
        if (completed === last) resolve();
        else if (added < last) add();
      });
      while (added < Math.min(UNFINISHED_MAX, last)) add();
    });
    await worker.close();
  });
}

const send = (report: CycleMemoryReport): void => void process.send?.(report);

// Without the bench this process has no purpose.
const onDisconnect = (): never => process.exit(1);
process.on('disconnect', onDisconnect);
// The bench writes the argument.
await main(JSON.parse(process.argv[2] ?? '{}') as CycleMemoryTask);
process.off('disconnect', onDisconnect);
process.disconnect();
