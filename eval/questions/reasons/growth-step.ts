import { median } from '../../measuring/statistics.ts';
import type { QuestionStep } from '../question.ts';
import { timeAddsAlone } from '../timed-adds.ts';
import { rateOf } from './rate-step.ts';
import type { ReasonsRow } from './reasons-row.ts';
import type { Variant } from './variants.ts';
import { laterElections, withVariant } from './with-variant.ts';

/** The published run of the original that stopped: 1,000 messages of 640 B, one at a time. */
const ADDS = 1000;
const ADD_BYTES = 640;
const ADDS_A_ROW = 25;
/** Until then the threads' code is being compiled. They are small, so that they lengthen the log by little. */
const WARM_UP_ADDS = 500;
const WARM_UP_BYTES = 1;
const DURATION_MS_MAX = 60_000;

/** The time of each add against its number, in a cluster that has only the small jobs of its warm-up at first. */
export const growthStep = (variant: Variant): QuestionStep<ReasonsRow> => ({
  name: `growth, ${variant.name}`,
  expectedMs: 6000,
  measure: async (context) =>
    (await withVariant(variant, context, 1, async ({ cluster, queues: [queue] }) => {
      const addOf = (bytes: number) => () => queue.add('message', new Uint8Array(bytes));
      const limits = { durationMsMax: DURATION_MS_MAX, signal: context.signal };
      await timeAddsAlone(addOf(WARM_UP_BYTES), { count: WARM_UP_ADDS, ...limits });
      const tookMs = await timeAddsAlone(addOf(ADD_BYTES), { count: ADDS, ...limits });
      return growthRows(variant, tookMs, await laterElections(cluster));
    })) ?? [],
});

/** A row for each 25 adds; fewer at the end are left out. @param tookMs of each add, from the first on. */
export function growthRows({ name }: Pick<Variant, 'name'>, tookMs: readonly number[], elections: number): readonly ReasonsRow[] {
  return Array.from({ length: Math.floor(tookMs.length / ADDS_A_ROW) }, (_, at) => {
    const first = at * ADDS_A_ROW;
    const of = tookMs.slice(first, first + ADDS_A_ROW);
    return {
      ...{ variant: name, kind: 'growth', payload_bytes: ADD_BYTES, in_flight: 1, first_add: first + 1, last_add: first + ADDS_A_ROW },
      ...{ adds_per_s: rateOf(of), p50_ms: median(of), is_steady: 1, elections },
    };
  });
}
