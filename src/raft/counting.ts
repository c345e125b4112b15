import type { LogIndex, NodeId } from '../base/ids.ts';
import { asIndex } from '../base/ids.ts';
import type { PlacedConfiguration } from './configuration-log.ts';
import type { Configuration } from './entry.ts';
import type { LeaderState } from './leader-state.ts';
import { isLifeOnRecord, isSameRecord } from './membership.ts';
import type { Progress } from './progress.ts';
import { quorumIndex } from './quorum.ts';
import type { SharedState } from './shared-state.ts';

/**
 * Which replies of a voter a leader counts: those of the life of its disk whose record is committed. For the entry with the record, and for
 * later entries, they count before that, since every other node that acknowledges these entries does so after that life began. See
 * `base/generation.ts`.
 */

/** Whether the voter's replies count regardless of the index: for reads, and for entries before an uncommitted record. */
export function isCounted({ configurations, configuration, commit }: SharedState, voter: NodeId, progress: Progress): boolean {
  if (!isLifeOnRecord(configuration, voter, progress)) return false;
  if (configurations.latest.index <= commit) return true;
  return isSameRecord(configuration, configurations.at(commit).configuration, voter);
}

/**
 * The highest index that is on disk at a majority; this node's own disk counts like any other. Voters whose lives are recorded at some
 * uncommitted entry count together for that entry and later ones; this looks for the latest such entry. If only the last entry counted, a
 * voter that is reopened before others have acknowledged its last record would hold up all of them.
 */
export function agreedIndex(core: SharedState, leader: LeaderState): LogIndex {
  const { configuration, configurations, commit } = core;
  // In the latest configuration each record is its own.
  let placed: PlacedConfiguration = configurations.latest;
  let index = agreedAt(core, leader, configuration);
  while (index < placed.index && placed.index > commit) {
    // An earlier entry records no other life, so its index is no higher: the entries in between are not reached either.
    placed = configurations.at(asIndex(Math.max(index, commit)));
    index = agreedAt(core, leader, placed.configuration);
  }
  return index;
}

/** The index that a majority has on disk, counting only voters whose lives are already recorded in the earlier configuration. */
function agreedAt(core: SharedState, leader: LeaderState, earlier: Configuration): LogIndex {
  const { configuration } = core;
  return quorumIndex(configuration, (voter) => {
    if (voter === core.id) return core.log.persisted;
    const progress = leader.progress.get(voter);
    if (progress === undefined || !isLifeOnRecord(configuration, voter, progress)) return asIndex(0);
    return earlier === configuration || isSameRecord(configuration, earlier, voter) ? progress.match : asIndex(0);
  });
}
