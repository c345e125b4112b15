import type { Cluster } from '../../../src/index.ts';
import { withQueue } from '../../bench/bench-cluster.ts';
import { STEADY_STATE_EXPECTED_MS } from '../../load/steady-state.ts';
import { waitingJobsThatFit } from '../../load/waiting-jobs.ts';
import { summarizeLatency } from '../../measuring/latency-summary.ts';
import type { QuestionStep } from '../question.ts';
import { measureTimedAdds, timeAddsAlone } from '../timed-adds.ts';
import { ADD_BYTES, costsOf, IN_FLIGHT_MAX, type NodesRow, totalsOf } from './nodes-row.ts';

/** As many as a p99 needs. */
const ALONE_ADDS = 1000;
const WARM_UP_ALONE = 100;
const ALONE_MS_MAX = 10_000;

/**
 * A cluster of this size: adds in flight in their steady state, and one at a time; and the cost of one add in both modes, from the nodes'
 * own counters. The transactions by which SQLite moves its write-ahead log into the database are not counted.
 */
export const clusterStep = (nodes: number): QuestionStep<NodesRow> => ({
  name: `${nodes} ${nodes === 1 ? 'node' : 'nodes'}`,
  expectedMs: STEADY_STATE_EXPECTED_MS + 1500,
  measure: (context) =>
    withQueue(
      { ...context, medianOf: () => undefined },
      async ({ queue, cluster }) => {
        const { signal } = context;
        const payload = new Uint8Array(ADD_BYTES);
        const add = () => queue.add('message', payload);
        const load = { lanes: IN_FLIGHT_MAX, add, eventsMax: waitingJobsThatFit(nodes) };
        const many = await measureTimedAdds(load, signal, () => counted(cluster));
        // Last, so that the adds in flight have warmed its code up as well; none of them is in flight after the first of these.
        await timeAddsAlone(add, { count: WARM_UP_ALONE, durationMsMax: ALONE_MS_MAX, signal });
        const before = await counted(cluster);
        const tookMs = await timeAddsAlone(add, { count: ALONE_ADDS, durationMsMax: ALONE_MS_MAX, signal });
        const alone = { before, after: await counted(cluster) };
        const aloneTimes = summarizeLatency(tookMs);
        const subject = 'cluster' as const;
        return [
          {
            ...{ subject, nodes, in_flight: IN_FLIGHT_MAX, adds_per_s: many.addsPerSecond, p50_ms: many.p50Ms, p99_ms: many.p99Ms },
            ...costsOf(many.samples, (many.perSecond * many.measuredMs) / 1000),
            is_steady: many.isSteady ? 1 : 0,
          },
          {
            ...{ subject, nodes, in_flight: 1, adds_per_s: null, p50_ms: aloneTimes.p50Ms, p99_ms: aloneTimes.p99Ms },
            ...costsOf(alone, tookMs.length),
            is_steady: 1,
          },
        ];
      },
      { nodes },
    ),
});

const counted = async (cluster: Cluster) => totalsOf(await cluster.metrics());
