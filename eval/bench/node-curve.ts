import { join } from 'node:path';
import type { Cluster, Queue } from '../../src/index.ts';
import { STEADY_STATE_EXPECTED_MS } from '../load/steady-state.ts';
import { median } from '../measuring/statistics.ts';
import { inFlight, SMALL_BYTES, withQueue } from './bench-cluster.ts';
import type { BenchContext, BenchMeasure } from './bench-measure.ts';
import type { BenchFigure } from './figure.ts';
import { smallAdds, steadyState } from './steady-rate.ts';

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
const IN_FLIGHT_MAX = 4000;
const ALONE_ADDS = 100;
const WARM_UP_ALONE = 100;

/**
 * Clusters of 1 to 13 nodes: adds of 64 B a second with 4,000 in flight, and one at a time; and the cost of one committed job in both
 * modes: messages between nodes (heartbeats of that time included) and fsyncs, each summed over all nodes from their own counters.
 * An fsync is a transaction of a node; those by which SQLite moves its write-ahead log into the database are not counted. The adds in flight
 * are measured in their steady state, as `add, 64 B, many in flight`. All sizes once, then again in reverse order, since the disk work that
 * one cluster leaves behind slows the next one.
 */
export const nodeCurve: BenchMeasure = {
  label: 'node curve',
  expectedMs: PASSES * NODE_COUNTS.length * (STEADY_STATE_EXPECTED_MS + 1000),
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
      const load = smallAdds(queue, { lanes: IN_FLIGHT_MAX, nodes });
      const { perSecond, measuredMs, isSteady, samples } = await steadyState(load, context.signal, () => totals(cluster));
      const many = perJob(samples, (perSecond * measuredMs) / 1000);
      // Last, so that the adds in flight have warmed its code up as well; none of them is in flight after the first of these.
      await addAlone(queue, WARM_UP_ALONE, context.signal);
      const before = await totals(cluster);
      const aloneMs = await addAlone(queue, ALONE_ADDS, context.signal);
      const alone = perJob({ before, after: await totals(cluster) }, ALONE_ADDS);
      return [
        { figure: CURVE.rate, unit: '/s', value: perSecond, nodes, isSteady },
        { figure: CURVE.messages, unit: '/job', value: many.messages, nodes },
        { figure: CURVE.fsyncs, unit: '/job', value: many.fsyncs, nodes },
        { figure: CURVE.aloneMs, unit: 'ms', value: aloneMs, nodes },
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

/** Messages and fsyncs of all nodes. */
interface Totals {
  readonly messages: number;
  readonly fsyncs: number;
}

/** The increase for each of the jobs; NaN if nothing was measured. */
function perJob(samples: { readonly before: Totals; readonly after: Totals } | undefined, jobs: number): Totals {
  const { before, after } = samples ?? { before: NOTHING, after: NOTHING };
  return { messages: (after.messages - before.messages) / jobs, fsyncs: (after.fsyncs - before.fsyncs) / jobs };
}

const NOTHING: Totals = { messages: Number.NaN, fsyncs: Number.NaN };

async function totals(cluster: Cluster): Promise<Totals> {
  let [messages, fsyncs] = [0, 0];
  for (const { rpcSent, persists } of await cluster.metrics()) {
    for (const sent of Object.values(rpcSent)) messages += sent;
    fsyncs += persists;
  }
  return { messages, fsyncs };
}
