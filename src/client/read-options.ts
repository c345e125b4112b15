import type { ReadConsistency } from '../transport/client-frame.ts';
import { READ_CONSISTENCIES } from '../transport/client-frame.ts';
import { checkOptions, type OptionRules } from './option-check.ts';

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

const RULES: OptionRules = {
  consistency: {
    isValid: (value) => READ_CONSISTENCIES.some((each) => each === value),
    remedy: `Give one of ${READ_CONSISTENCIES.map((each) => `'${each}'`).join(', ')}.`,
  },
};

/** @throws {UnknownOptionError | InvalidOptionError} */
export function readConsistency(options: ReadOptions): ReadConsistency {
  checkOptions(options, RULES);
  return options.consistency ?? 'linearizable';
}
