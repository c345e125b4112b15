import { z } from 'zod';
import { groupOf } from '../config/cluster-config.ts';

/** The most nodes of a test cluster. They share the caller's thread. */
const TEST_NODES_MAX = 13;
/** A year. */
const DURATION_MS_MAX = 31_536_000_000;

export interface TestClusterOptions {
  /** Number of nodes, 1 to 13: they get the ids 1, 2, … Default 1. */
  readonly nodes?: number;
  /** The time of day at the start: a date, or ms since 1970. Default: that of the process. */
  readonly now?: Date | number;
  /** Seeds the election timeouts, an integer: the same seed gives the same run. Default 1. */
  readonly seed?: number;
}

const isTime = (value: unknown): boolean => Number.isFinite(value instanceof Date ? value.getTime() : value) && Number(value) >= 0;

export const TEST_CLUSTER_OPTIONS = groupOf(
  {
    nodes: z
      .custom<number>((value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= TEST_NODES_MAX, {
        error: `Give a whole number from 1 to ${TEST_NODES_MAX}.`,
      })
      .default(1),
    now: z.custom<Date | number>(isTime, { error: 'Give a date, or a number of milliseconds since 1970.' }).optional(),
    seed: z.custom<number>(Number.isSafeInteger, { error: 'Give a whole number.' }).default(1),
  } satisfies Record<keyof TestClusterOptions, z.ZodType>,
  'Give an object of settings such as { nodes: 3 }.',
);

export const DURATION_MS = z.custom<number>((value) => typeof value === 'number' && value >= 0 && value <= DURATION_MS_MAX, {
  error: `Give a number of milliseconds from 0 to ${DURATION_MS_MAX}, a year.`,
});
