import type { LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { CoreView } from '../raft/raft-core.ts';

/**
 * The node's part of the order of pointers in `raft/pointer-chain.ts`, which holds at the end of each turn:
 *
 *     compacted <= checkpoint <= applied <= commit,   checkpoint <= persisted
 *
 * @throws {InvariantViolation} if it is broken.
 */
export function checkNodePointers({ log, commit }: Pick<CoreView, 'log' | 'commit'>, checkpoint: LogIndex, applied: LogIndex): void {
  const compacted = log.compacted.index;
  const { persisted } = log;
  invariant(
    compacted <= checkpoint && checkpoint <= applied && applied <= commit && checkpoint <= persisted,
    () =>
      `the node's pointers are out of order: compacted ${compacted}, checkpoint ${checkpoint}, applied ${applied}, commit ${commit}, persisted ${persisted}`,
  );
}
