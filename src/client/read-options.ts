import { z } from 'zod';
import type { ReadConsistency } from '../protocol/client-frame.ts';
import { READ_CONSISTENCIES } from '../protocol/client-frame.ts';
import { checkOptions, optionsOf } from './option-check.ts';

/** How something is read. */
export interface ReadOptions {
  /**
   * - `linearizable` (the default): it shows everything that was answered, to anybody, before it was asked. The leader confirms with a
   *   majority that it still leads; nothing is written.
   * - `lease`: likewise, without a round trip between the nodes, while the leader holds a lease (`raft.leaseMs`). It counts on the nodes' clocks
   *   to run at nearly the same rate.
   * - `stale`: what some node has applied, which may lie behind; answered without a leader, too.
   */
  readonly consistency?: ReadConsistency;
}

const SCHEMA = optionsOf({
  consistency: z.enum(READ_CONSISTENCIES, { error: `Give one of ${READ_CONSISTENCIES.map((each) => `'${each}'`).join(', ')}.` }).optional(),
} satisfies Record<keyof ReadOptions, z.ZodType>);

/** @throws {UnknownOptionError | InvalidOptionError} */
export function readConsistency(options: ReadOptions | undefined): ReadConsistency {
  if (options === undefined) return 'linearizable';
  checkOptions(SCHEMA, options);
  return options.consistency ?? 'linearizable';
}
