import type { LogIndex, NodeId } from '../base/ids.ts';
import { asIndex } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import { isLifeOnRecord, isSameRecord } from './membership.ts';
import type { Progress } from './progress.ts';
import { quorumIndex } from './quorum.ts';

/**
 * Which answers of a voter a leader counts: those of the life of its disk whose record is committed. For the entry that brings the record, and for what
 * follows it, they count before that, since whoever else acknowledges these entries does so after that life began. See `base/generation.ts`.
 */

/** Whether the voter's answers count without regard to the index: for reads, and for entries before a record that is not committed. */
export function isCounted({ configurations, configuration, commit }: CoreState, voter: NodeId, progress: Progress): boolean {
  if (!isLifeOnRecord(configuration, voter, progress)) return false;
  if (configurations.latest.index <= commit) return true;
  return isSameRecord(configuration, configurations.at(commit).configuration, voter);
}

/** The highest index that is on disk at a majority, this node's own disk counted like any other. */
export function agreedIndex(core: CoreState): LogIndex {
  const { configuration, configurations, commit } = core;
  const { index: recordedAt } = configurations.latest;
  const index = quorumIndex(configuration, (voter) => matchOf(core, voter, (progress) => isLifeOnRecord(configuration, voter, progress)));
  // Every record that was counted with is committed, or among what was acknowledged.
  if (recordedAt <= commit || index >= recordedAt) return index;
  return quorumIndex(configuration, (voter) => matchOf(core, voter, (progress) => isCounted(core, voter, progress)));
}

function matchOf(core: CoreState, voter: NodeId, counts: (progress: Progress) => boolean): LogIndex {
  if (voter === core.id) return core.log.persisted;
  const progress = core.progress.get(voter);
  return progress !== undefined && counts(progress) ? progress.match : asIndex(0);
}
