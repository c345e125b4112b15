import { z } from 'zod';
import { count, number, optionalNumber } from '../cells.ts';
import { VARIANT_NAMES } from './variants.ts';

export const reasonsRow = z.object({
  variant: z.enum(VARIANT_NAMES),
  /**
   * - `rate`: many adds in flight, in their steady state
   * - `alone`: adds that are each sent when the one before is acknowledged
   * - `growth`: the same of larger payloads, 25 adds a row, from the first one on
   */
  kind: z.enum(['rate', 'alone', 'growth']),
  payload_bytes: count,
  in_flight: count,
  /** The adds that the row is of, by their number in this cluster. */
  first_add: count,
  last_add: count,
  /** `null` if nothing was measured. */
  adds_per_s: optionalNumber,
  /** From sending to acknowledgement. */
  p50_ms: optionalNumber,
  /** 1 if the rate became steady, also where no rate is measured. */
  is_steady: count,
  /** Elections so far, beyond the first: there should be none. */
  elections: number,
});
export type ReasonsRow = z.infer<typeof reasonsRow>;

/** Elections after the first leader's: the rows of one round of a step are of one cluster, and each has those so far. */
export function electionsOf(rows: readonly { readonly round: number; readonly step: string; readonly elections: number }[]) {
  const clusters = [...Map.groupBy(rows, ({ round, step }) => `${round} ${step}`).values()];
  return {
    clusters: clusters.length,
    elections: clusters.reduce((total, of) => total + Math.max(...of.map(({ elections }) => elections)), 0),
  };
}
