import { STEADY_STATE_EXPECTED_MS } from '../../load/steady-state.ts';
import { waitingJobsThatFit } from '../../load/waiting-jobs.ts';
import { summarizeLatency } from '../../measuring/latency-summary.ts';
import type { QuestionStep } from '../question.ts';
import { measureTimedAdds, timeAddsAlone } from '../timed-adds.ts';
import type { ReasonsRow } from './reasons-row.ts';
import type { Variant } from './variants.ts';
import { laterElections, withVariant } from './with-variant.ts';

const NODES = 3;
const ADD_BYTES = 64;
const ALONE_ADDS = 500;
const ALONE_MS_MAX = 10_000;
/** A client has at most 256 requests unanswered: so many send 4,000 adds at once where each is a request. */
const CLIENTS = 16;
export const IN_FLIGHT_MAX = 4000;
/** The rate of some variants falls with each add: a longer warm-up would only lower it. */
const WARM_UP_MS_MAX = 8000;

/** Adds one at a time, the second half of them timed with the code compiled, then many in flight. */
export const rateStep = (variant: Variant): QuestionStep<ReasonsRow> => ({
  name: variant.name,
  expectedMs: STEADY_STATE_EXPECTED_MS + 3000,
  measure: async (context) =>
    (await withVariant(variant, context, CLIENTS, async ({ cluster, queues }) => {
      const { signal } = context;
      const payload = new Uint8Array(ADD_BYTES);
      let [begun, acknowledged] = [0, 0];
      const add = async (): Promise<void> => {
        const queue = queues[begun % queues.length] ?? queues[0];
        begun += 1;
        await queue.add('message', payload);
        acknowledged += 1;
      };
      await timeAddsAlone(add, { count: ALONE_ADDS, durationMsMax: ALONE_MS_MAX, signal });
      const firstAlone = acknowledged + 1;
      const tookMs = await timeAddsAlone(add, { count: ALONE_ADDS, durationMsMax: ALONE_MS_MAX, signal });
      const alone = { first_add: firstAlone, last_add: acknowledged, elections: await laterElections(cluster) };
      const load = { lanes: IN_FLIGHT_MAX, add, eventsMax: waitingJobsThatFit(NODES), warmUpMsMax: WARM_UP_MS_MAX };
      const many = await measureTimedAdds(load, signal, () => acknowledged);
      const { before = acknowledged, after = acknowledged } = many.samples ?? {};
      const shared = { variant: variant.name, payload_bytes: ADD_BYTES };
      return [
        {
          ...{ ...shared, kind: 'rate', in_flight: IN_FLIGHT_MAX, first_add: before + 1, last_add: after },
          ...{ adds_per_s: many.addsPerSecond, p50_ms: many.p50Ms, is_steady: many.isSteady ? 1 : 0 },
          elections: await laterElections(cluster),
        },
        {
          ...{ ...shared, kind: 'alone', in_flight: 1, ...alone },
          ...{ adds_per_s: rateOf(tookMs), p50_ms: summarizeLatency(tookMs).p50Ms, is_steady: 1 },
        },
      ];
    })) ?? [],
});

/** Of adds that follow each other; `null` without any. */
export const rateOf = (tookMs: readonly number[]): number | null =>
  tookMs.length === 0 ? null : (tookMs.length * 1000) / tookMs.reduce((total, ms) => total + ms, 0);
