import type { NodeId } from '../base/ids.ts';
import { isCounted } from './counting.ts';
import type { LeaderState } from './leader-state.ts';
import { isJoint } from './membership.ts';
import { voteResult } from './quorum.ts';
import { beginRound, isReady } from './reads.ts';
import type { PendingRebuild, RebuildQuestion } from './rebuild-question.ts';
import { sendHeartbeat } from './replication.ts';
import type { SharedState } from './shared-state.ts';

/**
 * Whether everything that was acknowledged stays on a majority when the node's disk is discarded: the other voters that have everything
 * committed at the time of the request, each with the disk that it votes with, must be a majority of the voters by themselves. Replies from
 * before the request prove nothing, since a disk may have been discarded since. So the request begins a heartbeat round, and is rejected
 * until enough voters replied to it; the requester repeats it. The same applies to a node without a vote: a leader that was replaced
 * meanwhile may not know that the node has become a voter.
 *
 * The requester asks once more when the node has stopped, and allows no membership change until the node is back: this leader does not
 * remember its permission.
 */
export function onRebuildQuestion(core: SharedState, leader: LeaderState, { node, question }: RebuildQuestion): void {
  const { effects, configuration } = core;
  if (!isReady(core)) {
    effects.rejected = { reason: 'not-ready' };
    return;
  }
  // Voters that are leaving, or may be, are not permanent copies. An uncommitted record changes no majority, and its voter does not count
  // yet.
  if (!core.areMembersCommitted || isJoint(configuration) || configuration.leaving.length > 0 || leader.askedStep !== undefined) {
    effects.rejected = { reason: 'change-pending' };
    return;
  }
  if (leader.rebuild?.question !== question || leader.rebuild.node !== node) {
    beginRound(core, leader);
    leader.rebuild = { node, question, round: leader.reads.current, commit: core.commit };
    for (const [peer, progress] of leader.progress) sendHeartbeat(core, leader, peer, progress);
  }
  const asked = leader.rebuild;
  const isSafe = voteResult(configuration, (voter) => voter !== node && hasEverything(core, leader, voter, asked)) === 'won';
  if (isSafe) return;
  const { voters } = configuration;
  const holders = voters.filter((voter) => voter !== node && hasEverything(core, leader, voter, asked));
  effects.rejected = { reason: 'too-few-copies', node, holders, voters, isFinal: isNeeded(core, leader, asked) };
}

/** Whether no majority of the voters exists without the node's disk. Only a leader that still leads knows the voters. */
function isNeeded({ configuration, id }: SharedState, { progress }: LeaderState, { node, round }: PendingRebuild): boolean {
  if (configuration.joining.length > 0 || voteResult(configuration, (voter) => voter !== node) === 'won') return false;
  return voteResult(configuration, (voter) => voter === id || (progress.get(voter)?.round ?? 0) >= round) === 'won';
}

function hasEverything(core: SharedState, leader: LeaderState, voter: NodeId, { round, commit }: PendingRebuild): boolean {
  if (voter === core.id) return core.log.persisted >= commit;
  const progress = leader.progress.get(voter);
  if (progress === undefined || !isCounted(core, voter, progress)) return false;
  return progress.round >= round && progress.match >= commit;
}
