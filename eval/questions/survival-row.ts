import { z } from 'zod';
import { count, optionalNumber } from './cells.ts';

/** The row over all runs of a step, whatever happened in them. */
export const ALL_FAULTS = 'all';

export const SOURCES = ['simulator', 'soak', 'node processes', 'shared folder'] as const;
export type Source = (typeof SOURCES)[number];

export const survivalRow = z.object({
  source: z.enum(SOURCES),
  /** What happened, among others, in the runs of this row; or `all`. */
  fault: z.string(),
  runs: count,
  injected: count,
  /** Acknowledged adds in these runs. */
  acknowledged: count,
  /** Empty where a run ended at a violation, before its jobs were counted. */
  lost: optionalNumber,
  duplicated: optionalNumber,
  /** Empty for processes, whose faults do not count it. */
  unexpected: optionalNumber,
  /** Of any invariant, and results of any checker. */
  violations: count,
});
export type SurvivalRow = z.infer<typeof survivalRow>;
