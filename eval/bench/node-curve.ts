import { join } from 'node:path';
import type { Cluster, Queue } from '../../src/index.ts';
import { median } from '../measuring/statistics.ts';
import { addInFlight, inFlight, SMALL_BYTES, withQueue } from './bench-cluster.ts';
import type { BenchContext, BenchMeasure } from './bench-measure.ts';
import type { BenchFigure } from './figure.ts';

export const NODE_COUNTS = [1, 3, 5, 7, 9, 11, 13];
export const CURVE = Object.freeze({
  rate: 'node curve: add, many in flight',
  messages: 'node curve: messages per job, many in flight',
  fsyncs: 'node curve: fsyncs per job, many in flight',
  aloneMs: 'node curve: add, one at a time, p50',
  aloneMessages: 'node curve: messages per job, one at a time',
  aloneFsyncs: 'node curve: fsyncs per job, one at a time',
});

const PASSES = 2;
const WARM_UP_ADDS = 12_000;
const IN_FLIGHT_ADDS = 12_000;
const IN_FLIGHT_MAX = 4000;
const ALONE_ADDS = 100;
const WARM_UP_ALONE = 100;

/**
 * Clusters of 1 to 13 nodes: adds of 64 B a second with 4,000 in flight, and one at a time; and the cost of one committed job in both
 * modes: messages between nodes (heartbeats of that time included) and fsyncs, each summed over all nodes from their own counters.
 * An fsync is a transaction of a node; those by which SQLite moves its write-ahead log into the database are not counted. All sizes once,
 * then again in reverse order, since the disk work that one cluster leaves behind slows the next one.
 *
 * This measure compares sizes. A cluster runs for about a second, and its threads' code is still being compiled: the adds a second of
 * its 12,000 jobs, after 12,000 to warm up, stay well below the result of `add, 64 B, many in flight` for the same size over seconds.
 */
export const nodeCurve: BenchMeasure = {
  label: 'node curve',
  expectedMs: 20_500,
  when: 'last',
  figures: [
    { name: CURVE.rate, unit: '/s', better: 'more', floor: 'commit' },
    { name: CURVE.messages, unit: '/job', better: 'less', floor: 'none' },
    { name: CURVE.fsyncs, unit: '/job', better: 'less', floor: 'none' },
    { name: CURVE.aloneMs, unit: 'ms', better: 'less', floor: 'reply' },
    { name: CURVE.aloneMessages, unit: '/job', better: 'less', floor: 'none' },
    { name: CURVE.aloneFsyncs, unit: '/job', better: 'less', floor: 'none' },
  ],
  measure: async (context) => {
    const figures: BenchFigure[] = [];
    for (let pass = 1; pass <= PASSES; pass += 1) {
      for (const nodes of pass % 2 === 1 ? NODE_COUNTS : NODE_COUNTS.toReversed()) {
        if (context.signal.aborted) return figures;
        figures.push(...(await measureNodes({ ...context, dataDir: join(context.dataDir, `${pass}-${nodes}`) }, nodes)));
      }
    }
    return figures;
  },
};

const measureNodes = (context: BenchContext, nodes: number): Promise<readonly BenchFigure[]> =>
  withQueue(
    context,
    async ({ queue, cluster }) => {
      const options = { bytes: SMALL_BYTES, inFlightMax: IN_FLIGHT_MAX, signal: context.signal };
      await addInFlight(queue, WARM_UP_ADDS, options);
      const many = await costOf(cluster, IN_FLIGHT_ADDS, () => addInFlight(queue, IN_FLIGHT_ADDS, options));
      // Last, so that the adds in flight have warmed its code up as well; none of them is in flight after the first of these.
      await addAlone(queue, WARM_UP_ALONE, context.signal);
      const alone = await costOf(cluster, ALONE_ADDS, () => addAlone(queue, ALONE_ADDS, context.signal));
      return [
        { figure: CURVE.rate, unit: '/s', value: many.result, nodes },
        { figure: CURVE.messages, unit: '/job', value: many.messages, nodes },
        { figure: CURVE.fsyncs, unit: '/job', value: many.fsyncs, nodes },
        { figure: CURVE.aloneMs, unit: 'ms', value: alone.result, nodes },
        { figure: CURVE.aloneMessages, unit: '/job', value: alone.messages, nodes },
        { figure: CURVE.aloneFsyncs, unit: '/job', value: alone.fsyncs, nodes },
      ];
    },
    { nodes },
  );

/** @returns the median time of one, in milliseconds. */
async function addAlone(queue: Queue, count: number, signal: AbortSignal): Promise<number> {
  const payload = new Uint8Array(SMALL_BYTES);
  const tookMs: number[] = [];
  await inFlight(count, 1, signal, async () => {
    const before = performance.now();
    await queue.add('message', payload);
    tookMs.push(performance.now() - before);
  });
  // Nothing was added when the session was interrupted before.
  return tookMs.length === 0 ? Number.NaN : median(tookMs);
}

/** The result of `act`, and the messages and fsyncs of all nodes in that time for each of its `jobs`. */
async function costOf(
  cluster: Cluster,
  jobs: number,
  act: () => Promise<number>,
): Promise<{ readonly result: number; readonly messages: number; readonly fsyncs: number }> {
  const before = await totals(cluster);
  const result = await act();
  const after = await totals(cluster);
  return { result, messages: (after.messages - before.messages) / jobs, fsyncs: (after.fsyncs - before.fsyncs) / jobs };
}

async function totals(cluster: Cluster): Promise<{ readonly messages: number; readonly fsyncs: number }> {
  let [messages, fsyncs] = [0, 0];
  for (const { rpcSent, persists } of await cluster.metrics()) {
    for (const sent of Object.values(rpcSent)) messages += sent;
    fsyncs += persists;
  }
  return { messages, fsyncs };
}
