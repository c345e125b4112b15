import type { LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { RaftLog } from './log.ts';

/**
 * The order of the pointers into one node's log, as openraft's `RaftState` validates it:
 *
 *     compacted <= checkpoint <= applied <= commit <= last,   checkpoint <= persisted <= last
 *
 * - `compacted`: the last entry that the log no longer has
 * - `checkpoint`: the last entry that the state on disk covers
 * - `applied`: the last entry that the state in memory covers
 * - `commit`: the last entry known to be on a majority of disks
 * - `persisted`: the last entry that this node's own disk has; a leader may apply entries past it, since a majority has them
 *
 * The core knows neither `checkpoint` nor `applied`: the node checks them.
 * @throws {InvariantViolation} if the core's part of the order is broken.
 */
export function checkPointers({ log, commit }: { readonly log: RaftLog; readonly commit: LogIndex }): void {
  const compacted = log.compacted.index;
  const { persisted, lastIndex } = log;
  invariant(
    compacted <= commit && commit <= lastIndex && compacted <= persisted && persisted <= lastIndex,
    () => `the log's pointers are out of order: compacted ${compacted}, commit ${commit}, persisted ${persisted}, last ${lastIndex}`,
  );
}
