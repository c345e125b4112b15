import { type Client, type Queue, Worker } from '../../src/index.ts';
import { addInFlight, inFlight, SMALL_BYTES, withQueue } from './bench-cluster.ts';
import type { BenchContext, BenchMeasure } from './bench-measure.ts';
import { FLOOR } from './figure.ts';

export const ADDS_IN_FLIGHT = 'add, 64 B, many in flight';
const IN_FLIGHT_MAX = 4000;

/** Acknowledged adds a second: 64 B, by add(), 4,000 calls in flight from one client. */
export const addsInFlight: BenchMeasure = {
  label: 'adds, many in flight',
  expectedMs: 3500,
  when: 'every-round',
  figures: [{ name: ADDS_IN_FLIGHT, unit: '/s', better: 'more', floor: 'commit', goals: [{ of: 'median', limit: 150_000 }] }],
  measure: (context) =>
    withQueue(context, async ({ queue }) => {
      const options = { bytes: SMALL_BYTES, inFlightMax: IN_FLIGHT_MAX, signal: context.signal };
      // The threads are new: until their code is compiled they are several times slower.
      await addInFlight(queue, 100_000, options);
      return [{ figure: ADDS_IN_FLIGHT, unit: '/s', value: await addInFlight(queue, 500_000, options) }];
    }),
};

const BULK = 'addBulk of 1,000, 64 B';
const BULK_JOBS = 1000;

/** The same by addBulk() of 1,000, eight bulks in flight. */
export const addsInBulk: BenchMeasure = {
  label: 'adds in bulk',
  expectedMs: 3350,
  when: 'every-round',
  figures: [{ name: BULK, unit: '/s', better: 'more', floor: 'commit', goals: [{ of: 'median', limit: 300_000 }] }],
  measure: (context) =>
    withQueue(context, async ({ queue }) => {
      await addBulks(queue, 100, context.signal);
      return [{ figure: BULK, unit: '/s', value: await addBulks(queue, 500, context.signal) }];
    }),
};

/** @param count bulks of 1,000 jobs of 64 B, eight in flight. @returns jobs a second. */
export async function addBulks(queue: Queue, count: number, signal: AbortSignal): Promise<number> {
  const payload = new Uint8Array(SMALL_BYTES);
  const jobs = Array.from({ length: BULK_JOBS }, () => ({ name: 'message', data: payload }));
  const before = performance.now();
  await inFlight(count, 8, signal, () => queue.addBulk(jobs));
  return (count * BULK_JOBS * 1000) / (performance.now() - before);
}

const CYCLE = 'add, claim, complete';

/** Jobs a second through a full cycle: added, claimed and completed by one Worker with an empty handler, concurrency 100. */
export const cycle: BenchMeasure = {
  label: 'add, claim, complete',
  expectedMs: 3250,
  when: 'every-round',
  figures: [{ name: CYCLE, unit: '/s', better: 'more', floor: 'commit', goals: [{ of: 'median', limit: 60_000 }] }],
  measure: (context) =>
    withQueue(context, async ({ queue, client }) => {
      await completeJobs(queue, client, 20_000, context);
      return [{ figure: CYCLE, unit: '/s', value: await completeJobs(queue, client, 120_000, context) }];
    }),
};

async function completeJobs(queue: Queue, client: Client, count: number, { signal }: BenchContext): Promise<number> {
  const worker = new Worker(queue.name, async () => null, { connection: client, concurrency: 100 });
  const before = performance.now();
  let completed = 0;
  const { promise: allCompleted, resolve, reject } = Promise.withResolvers<void>();
  worker.on('completed', () => {
    completed += 1;
    if (completed === count) resolve();
  });
  worker.on('error', reject);
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort);
  try {
    await Promise.all([addInFlight(queue, count, { bytes: SMALL_BYTES, inFlightMax: 1000, signal }), allCompleted]);
    return (completed * 1000) / (performance.now() - before);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await worker.close();
  }
}

const LARGE = 'add, 64 KiB';

/** Acknowledged adds a second of 64 KiB, 64 in flight. */
export const largeAdds: BenchMeasure = {
  label: 'adds of 64 KiB',
  expectedMs: 1680,
  when: 'every-round',
  figures: [{ name: LARGE, unit: '/s', better: 'more', floor: 'commit', goals: [{ of: 'median', limit: 2500 }] }],
  measure: (context) =>
    withQueue(context, async ({ queue }) => {
      await addInFlight(queue, 50, { bytes: 65_536, inFlightMax: 32, signal: context.signal });
      return [
        { figure: LARGE, unit: '/s', value: await addInFlight(queue, 1000, { bytes: 65_536, inFlightMax: 64, signal: context.signal }) },
      ];
    }),
};

const HUGE = 'add, 1 MiB';
const HUGE_BYTES = 1_048_576;

/**
 * Payload of acknowledged adds in MB/s (10^6 B): 1 MiB each, 16 in flight. The disk's own rate is shown beside it (`floor: disk`).
 */
export const hugeAdds: BenchMeasure = {
  label: 'adds of 1 MiB',
  expectedMs: 2800,
  when: 'every-round',
  figures: [
    { name: HUGE, unit: 'MB/s', better: 'more', floor: 'disk', goals: [{ of: 'median', limit: 150, orFigure: FLOOR.diskOfNodes }] },
  ],
  measure: (context) =>
    withQueue(context, async ({ queue }) => {
      const options = { bytes: HUGE_BYTES, inFlightMax: 16, signal: context.signal };
      await addInFlight(queue, 16, options);
      return [{ figure: HUGE, unit: 'MB/s', value: ((await addInFlight(queue, 80, options)) * HUGE_BYTES) / 1e6 }];
    }),
};
