import type { NodeId } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import { isCounted } from './counting.ts';
import { isJoint } from './membership.ts';
import { voteResult } from './quorum.ts';
import { beginRound, isReady } from './reads.ts';
import type { PendingRebuild, RebuildQuestion } from './rebuild-question.ts';
import { sendHeartbeat } from './replication.ts';

/**
 * Whether everything that was acknowledged stays on a majority when the node's disk is given up: the other voters that hold all that was
 * committed when the question came, each with the disk that it votes with, have to be a majority of the voters by themselves. What was heard
 * before the question is no proof, since a disk may have been given up since; so the question begins a round of heartbeats, and is rejected
 * until enough voters answered it. Who asks repeats it. The same is asked for a node without a vote: a leader that was replaced meanwhile may
 * not know that it has one by now.
 *
 * Who gives up the disk asks once more when the node has stopped, and lets no members be changed until it is back: this leader does not remember
 * what it granted.
 */
export function onRebuildQuestion(core: CoreState, { node, question }: RebuildQuestion): void {
  const { effects, configuration } = core;
  if (core.role !== 'leader') {
    effects.rejected = { reason: 'not-leader', leader: core.leader };
    return;
  }
  if (!isReady(core)) {
    effects.rejected = { reason: 'not-ready' };
    return;
  }
  // Voters that are about to leave, or may be, are no copies that last. A record that is not committed changes no majority, and its voter does not count yet.
  if (!core.areMembersCommitted || isJoint(configuration) || configuration.leaving.length > 0 || core.askedStep !== undefined) {
    effects.rejected = { reason: 'change-pending' };
    return;
  }
  if (core.rebuild?.question !== question || core.rebuild.node !== node) {
    beginRound(core);
    core.rebuild = { node, question, round: core.reads.current, commit: core.commit };
    for (const [peer, progress] of core.progress) sendHeartbeat(core, peer, progress);
  }
  const asked = core.rebuild;
  const isSafe = voteResult(configuration, (voter) => voter !== node && hasEverything(core, voter, asked)) === 'won';
  if (isSafe) return;
  const { voters } = configuration;
  const holders = voters.filter((voter) => voter !== node && hasEverything(core, voter, asked));
  effects.rejected = { reason: 'too-few-copies', node, holders, voters, isFinal: isNeeded(core, asked) };
}

/** Whether no majority of the voters can do without the node's disk. Only a leader that still leads knows who votes. */
function isNeeded({ configuration, id, progress }: CoreState, { node, round }: PendingRebuild): boolean {
  if (configuration.joining.length > 0 || voteResult(configuration, (voter) => voter !== node) === 'won') return false;
  return voteResult(configuration, (voter) => voter === id || (progress.get(voter)?.round ?? 0) >= round) === 'won';
}

function hasEverything(core: CoreState, voter: NodeId, { round, commit }: PendingRebuild): boolean {
  if (voter === core.id) return core.log.persisted >= commit;
  const progress = core.progress.get(voter);
  if (progress === undefined || !isCounted(core, voter, progress)) return false;
  return progress.round >= round && progress.match >= commit;
}
