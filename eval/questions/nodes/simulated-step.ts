import type { QuestionStep, StepContext } from '../question.ts';
import { ADD_BYTES, costsOf, IN_FLIGHT_MAX, type NodesRow, totalsOf } from './nodes-row.ts';
import { SimulatedAdds } from './simulated-adds.ts';

/** Events of the simulator in one turn of the event loop, so that an interruption is seen. */
const EVENTS_PER_TURN = 1000;
/** More mean that the cluster makes no progress. */
const EVENTS_MAX = 2_000_000;
const WARM_UP_ALONE = 20;
const ALONE_ADDS = 200;
/** Each of the lanes adds twice before, and four times while it is counted. */
const WARM_UP_MANY = 2 * IN_FLIGHT_MAX;
const MANY_ADDS = 4 * IN_FLIGHT_MAX;

/** The same adds in the simulator: the production node and client, simulated network, clock and disk. Counted, and the same in each run. */
export const simulatedStep = (nodes: number): QuestionStep<NodesRow> => ({
  name: `${nodes} simulated`,
  expectedMs: 300 + 100 * nodes,
  measure: async ({ signal }) => [
    await countAdds(nodes, { inFlight: IN_FLIGHT_MAX, warmUp: WARM_UP_MANY, adds: MANY_ADDS }, signal),
    await countAdds(nodes, { inFlight: 1, warmUp: WARM_UP_ALONE, adds: ALONE_ADDS }, signal),
  ],
});

interface Count {
  readonly inFlight: number;
  readonly warmUp: number;
  readonly adds: number;
}

async function countAdds(nodes: number, { inFlight, warmUp, adds }: Count, signal: StepContext['signal']): Promise<NodesRow> {
  const simulated = new SimulatedAdds({ nodes, inFlight, bytes: ADD_BYTES });
  const totals = () => totalsOf(simulated.counters());
  await runUntil(simulated, warmUp, signal);
  const [before, from] = [totals(), simulated.acknowledged];
  await runUntil(simulated, from + adds, signal);
  const costs = costsOf({ before, after: totals() }, simulated.acknowledged - from);
  return { subject: 'simulator', nodes, in_flight: inFlight, adds_per_s: null, p50_ms: null, p99_ms: null, ...costs, is_steady: 1 };
}

/** @throws {Error} when the cluster makes no progress. */
async function runUntil(simulated: SimulatedAdds, acknowledged: number, signal: StepContext['signal']): Promise<void> {
  for (let events = 0; simulated.acknowledged < acknowledged && !signal.aborted; events += 1) {
    if (events > EVENTS_MAX) throw new Error(`${simulated.acknowledged} adds were acknowledged in ${EVENTS_MAX} simulated events.`);
    simulated.runNext();
    if (events % EVENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
