import { z } from 'zod';
import type { ReadConsistency } from '../../protocol/client-frame.ts';
import { READ_CONSISTENCIES } from '../../protocol/client-frame.ts';
import { checkOptions, optionsOf } from '../option-check.ts';

/** The consistency of a read. */
export interface ReadOptions {
  /**
   * - `linearizable` (the default): the reply reflects everything that was answered, to any client, before the call. The leader confirms
   *   with a majority that it is still the leader; nothing is written.
   * - `lease`: the same without a round trip between the nodes, while the leader holds a lease (`raft.leaseMs`). It relies on nearly equal
   *   clock rates of the nodes.
   * - `stale`: the state that some node has applied, which may be outdated; answered without a leader, too.
   */
  readonly consistency?: ReadConsistency;
}

export const aConsistency = z
  .enum(READ_CONSISTENCIES, { error: `Give one of ${READ_CONSISTENCIES.map((each) => `'${each}'`).join(', ')}.` })
  .optional();

const SCHEMA = optionsOf({ consistency: aConsistency } satisfies Record<keyof ReadOptions, z.ZodType>);

/** @throws {UnknownOptionError | InvalidOptionError} */
export function readConsistency(options: ReadOptions | undefined): ReadConsistency {
  if (options === undefined) return 'linearizable';
  checkOptions(SCHEMA, options);
  return options.consistency ?? 'linearizable';
}
