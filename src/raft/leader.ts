import { counterOf, isSameLife } from '../base/generation.ts';
import type { NodeId } from '../base/ids.ts';
import { asIndex, nextIndex, previousIndex } from '../base/ids.ts';
import { ForgottenEntriesError } from '../base/invariant.ts';
import type { CoreState } from './core-state.ts';
import { agreedIndex } from './counting.ts';
import { EMPTY_BYTES } from './entry.ts';
import { type DiskState, diskOf, isVotersState } from './membership.ts';
import type { AppendAccepted, AppendRejected, SnapshotReply } from './message.ts';
import { Progress } from './progress.ts';
import { isVoter, voteResult } from './quorum.ts';
import { beginRound, confirmReads } from './reads.ts';
import { advanceReconfiguration, isRebuilt } from './reconfiguration.ts';
import { appendOwn, broadcast, replicate, sendDueHeartbeats, sendHeartbeat } from './replication.ts';
import { becomeFollower } from './role.ts';
import { advanceTransfer, expireTransfer, transferBeforeStop } from './transfer.ts';

/** An election was won: append the no-op that lets this term commit (Raft §8), and tell everyone. */
export function becomeLeader(core: CoreState): void {
  // Who needed other votes asked for them with its own on disk.
  core.isTermOnDisk = core.effects.hardState === undefined;
  core.votes.clear();
  core.isLeaderLost = false;
  core.isLeaseRevoked = false;
  core.changeRole('leader', core.id);
  core.progress.clear();
  for (const peer of core.peers) core.progress.set(peer, new Progress(nextIndex(core.log.lastIndex), core.now));
  core.uncommittedBytes = 0;
  for (const entry of core.log.between(core.commit, core.log.lastIndex)) core.uncommittedBytes += entry.data.length;
  core.heartbeatDueMs = core.now + core.config.heartbeatMs;
  beginRound(core);
  appendOwn(core, 'noop', EMPTY_BYTES);
  broadcast(core);
}

/** One batch of commands for the log. What is rejected here never entered it. */
export function onPropose(core: CoreState, data: Uint8Array): void {
  if (core.role !== 'leader') {
    core.effects.rejected = { reason: 'not-leader', leader: core.leader };
    return;
  }
  if (core.transfer !== undefined) {
    core.effects.rejected = { reason: 'transferring', to: core.transfer.to };
    return;
  }
  if (core.uncommittedBytes > 0 && core.uncommittedBytes + data.length > core.config.uncommittedBytesMax) {
    core.effects.rejected = { reason: 'overloaded', uncommittedBytes: core.uncommittedBytes };
    return;
  }
  core.effects.proposed = appendOwn(core, 'command', data);
  broadcast(core);
}

/**
 * The leader's own deadline: heartbeats, and CheckQuorum (thesis §6.2).
 * @param readMs when the leader last looked for messages.
 * @param unread peers that were heard, although what they sent was not read yet.
 */
export function onLeaderDeadline(core: CoreState, readMs: number, unread: ReadonlySet<NodeId>): void {
  const heardSince = readMs - core.config.electionTimeoutMs;
  const quorum = voteResult(core.configuration, (voter) => {
    if (voter === core.id || unread.has(voter)) return true;
    const progress = core.progress.get(voter);
    return progress !== undefined && progress.lastContactMs >= heardSince && isVotersState(core.configuration, voter, progress);
  });
  if (quorum !== 'won') {
    becomeFollower(core, core.term, undefined);
    return;
  }
  expireTransfer(core);
  core.heartbeatDueMs = core.now + core.config.heartbeatMs;
  beginRound(core);
  // Whoever got something else meanwhile needs no heartbeat (Raft §5.2), unless reads or a lease wait for its reply to this round.
  const isRoundWanted = core.reads.isAwaited || core.config.leaseMs > 0;
  if (isRoundWanted) for (const [peer, progress] of core.progress) sendHeartbeat(core, peer, progress);
  else sendDueHeartbeats(core);
  advanceReconfiguration(core);
}

export function onAppendAccepted(core: CoreState, message: AppendAccepted): void {
  const progress = recordResponse(core, message.from, message);
  if (progress === undefined) return;
  if (message.match > core.log.lastIndex) throw new ForgottenEntriesError(message.from, message.match, core.log.lastIndex);
  const isNews = progress.onAccepted(message.match);
  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'snapshot' && progress.match >= progress.snapshotFrom) progress.becomeReplicate();
  else if (progress.state === 'replicate' && core.log.termAt(previousIndex(progress.next)) === undefined) {
    // The window was full while compaction passed what is to come next. Heartbeats name no predecessor then, and cannot discover
    // that what is on its way was lost: without this the window would stay full for ever.
    progress.becomeProbe(nextIndex(progress.match));
  }
  if (isRebuilt(core, message.from)) {
    progress.measureCatchUp(core.log.lastIndex, core.now, core.config.electionTimeoutMs);
  }
  if (isNews) commitByCounting(core);
  onResponse(core, message.from);
}

export function onAppendRejected(core: CoreState, message: AppendRejected): void {
  const progress = recordResponse(core, message.from, message);
  if (progress === undefined) return;
  if (isNewsOfMismatch(progress, message)) {
    const latest = asIndex(Math.min(message.hint.index, message.rejected - 1));
    const agreed = core.log.lastAtMost(latest, message.hint.term);
    // The logs may agree only before the window, whose beginning is all that `agreed` can name then: a snapshot will be wanted.
    // Each probe lies before the one that was rejected, or the exchange would never end.
    progress.becomeProbe(asIndex(Math.min(agreed.index, latest) + 1));
  }
  onResponse(core, message.from);
}

/** A rejection of what was acknowledged since, or of another probe than the one that is out, is late news. */
function isNewsOfMismatch(progress: Progress, message: AppendRejected): boolean {
  if (progress.state === 'snapshot' || message.rejected <= progress.match) return false;
  return progress.state !== 'probe' || message.rejected === previousIndex(progress.next);
}

/** What any reply may let happen. The node may have ceased to lead by the commit that came with it. */
function onResponse(core: CoreState, peer: NodeId): void {
  if (core.role !== 'leader') return;
  confirmReads(core);
  advanceReconfiguration(core);
  const progress = core.progress.get(peer);
  if (progress !== undefined) replicate(core, peer, progress);
  advanceTransfer(core);
}

/** A sign of life. What was acknowledged with another disk, or in another life of it, is forgotten. */
function recordResponse(core: CoreState, peer: NodeId, reply: DiskState & { readonly round: number }): Progress | undefined {
  let progress = core.progress.get(peer);
  if (progress === undefined) return undefined;
  if (progress.disk !== reply.disk || !isSameLife(progress.generation, reply.generation)) {
    // Late, or from an older copy, by what is not on record yet. Once it is, a copy is told so with the log, and counts for nothing.
    const isBehind = progress.disk === reply.disk && counterOf(reply.generation) <= counterOf(progress.generation);
    if (isBehind && diskOf(core.configuration, peer) === reply.disk && isVotersState(core.configuration, peer, reply)) return undefined;
    if (progress.match > 0) {
      progress = new Progress(nextIndex(core.log.lastIndex), core.now);
      core.progress.set(peer, progress);
    }
    progress.round = 0;
    progress.disk = reply.disk;
    progress.generation = reply.generation;
  } else if (counterOf(reply.generation) > counterOf(progress.generation)) progress.generation = reply.generation;
  core.present.add(peer);
  progress.onContact(core.now);
  if (reply.round > progress.round) progress.round = reply.round;
  return progress;
}

/** Replies about chunks count as signs of life; what to send next is for whoever streams the snapshot. */
export function onSnapshotReply(core: CoreState, message: SnapshotReply): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.onContact(core.now);
  core.effects.snapshotReply = message;
}

/**
 * The channel to a follower closed: what was on its way is lost. Whoever comes back may have been given a new disk, so nothing that
 * was acknowledged before is held against it: where the logs agree is found again from its replies.
 */
export function onFollowerLost(core: CoreState, peer: NodeId): void {
  const lost = core.progress.get(peer);
  if (lost === undefined) return;
  const progress = new Progress(nextIndex(lost.match), lost.lastContactMs, core.log.lastIndex);
  progress.disk = lost.disk;
  progress.generation = lost.generation;
  // Nothing can arrive there now; the next heartbeat's reply shows that the peer is back.
  progress.probeSent = true;
  core.progress.set(peer, progress);
}

/** This node's disk holds its log up to there, and with the log its term. */
export function onOwnPersisted(core: CoreState): void {
  if (core.log.termAt(core.log.persisted) === core.term) core.isTermOnDisk = true;
  commitByCounting(core);
  if (core.role === 'leader') advanceReconfiguration(core);
}

/**
 * Commits what a majority has on disk, this node's own disk counted like any other, and only by entries of its own term:
 * earlier ones commit with them, never by counting (Raft §5.4.2, Figure 8).
 */
function commitByCounting(core: CoreState): void {
  const index = agreedIndex(core);
  if (index <= core.commit || core.log.termAt(index) !== core.term) return;
  for (const entry of core.log.between(core.commit, index)) core.uncommittedBytes -= entry.data.length;
  core.advanceCommit(index);
  confirmReads(core);
  if (isOwnRemovalCommitted(core)) stepDownAfterRemoval(core);
}

/** The configuration without this node is committed: its work is done (Raft §6). Records behind that entry, which name the same voters, need not be. */
const isOwnRemovalCommitted = (core: CoreState): boolean => core.areMembersCommitted && !isVoter(core.configuration, core.id);

function stepDownAfterRemoval(core: CoreState): void {
  // The others learn that it is committed, so that the next leader need not wait to be told.
  for (const [peer, progress] of core.progress) sendHeartbeat(core, peer, progress);
  transferBeforeStop(core);
  core.effects.notices.push({ type: 'removed', by: core.configurations.latest.membersSince });
  core.isRemoved = !core.configuration.learners.includes(core.id) && !core.configuration.joining.includes(core.id);
  becomeFollower(core, core.term, undefined);
}
