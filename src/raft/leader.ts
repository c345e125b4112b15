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

/** Won an election: append the no-op that lets this term commit (Raft §8), and send it to all. */
export function becomeLeader(core: CoreState): void {
  // A node that needed other votes requested them with its own on disk.
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

/** One batch of commands for the log. A rejected batch never entered it. */
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
 * @param readMs when the leader last read its messages.
 * @param unread peers whose messages have arrived but are not read yet.
 */
export function onLeaderDeadline(core: CoreState, readMs: number, unread: ReadonlySet<NodeId>): void {
  const contactSinceMs = readMs - core.config.electionTimeoutMs;
  const quorum = voteResult(core.configuration, (voter) => {
    if (voter === core.id || unread.has(voter)) return true;
    const progress = core.progress.get(voter);
    return progress !== undefined && progress.lastContactMs >= contactSinceMs && isVotersState(core.configuration, voter, progress);
  });
  if (quorum !== 'won') {
    becomeFollower(core, core.term, undefined);
    return;
  }
  expireTransfer(core);
  core.heartbeatDueMs = core.now + core.config.heartbeatMs;
  beginRound(core);
  // A peer that was sent something else meanwhile needs no heartbeat (Raft §5.2), unless reads or a lease wait for its reply to this round.
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
    // The window was full while compaction passed the next entry. Heartbeats carry no predecessor then, and cannot discover
    // that the messages in flight were lost: without this the window would stay full forever.
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
    // The logs may agree only before the window, whose beginning is the earliest that `agreed` can name: then a snapshot follows.
    // Each probe is before the rejected one, or the exchange would never end.
    progress.becomeProbe(asIndex(Math.min(agreed.index, latest) + 1));
  }
  onResponse(core, message.from);
}

/** A rejection of an index acknowledged since, or of another probe than the one in flight, is stale. */
function isNewsOfMismatch(progress: Progress, message: AppendRejected): boolean {
  if (progress.state === 'snapshot' || message.rejected <= progress.match) return false;
  return progress.state !== 'probe' || message.rejected === previousIndex(progress.next);
}

/** What any reply may trigger. The commit that came with it may have ended this node's leadership. */
function onResponse(core: CoreState, peer: NodeId): void {
  if (core.role !== 'leader') return;
  confirmReads(core);
  advanceReconfiguration(core);
  const progress = core.progress.get(peer);
  if (progress !== undefined) replicate(core, peer, progress);
  advanceTransfer(core);
}

/** Records that the peer is alive. What was acknowledged with another disk, or in another life of it, no longer counts. */
function recordResponse(core: CoreState, peer: NodeId, reply: DiskState & { readonly round: number }): Progress | undefined {
  let progress = core.progress.get(peer);
  if (progress === undefined) return undefined;
  if (progress.disk !== reply.disk || !isSameLife(progress.generation, reply.generation)) {
    // A late reply, or one from an older copy whose successor is not recorded yet. Once it is, the log reports it to the copy, which then
    // counts for nothing.
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

/** Replies to chunks count as contact; the sender of the snapshot decides what to send next. */
export function onSnapshotReply(core: CoreState, message: SnapshotReply): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.onContact(core.now);
  core.effects.snapshotReply = message;
}

/**
 * The channel to a follower closed: messages in flight are lost. The follower may come back with a new disk, so earlier acknowledgements
 * do not bind it: its replies show again where the logs agree.
 */
export function onFollowerLost(core: CoreState, peer: NodeId): void {
  const lost = core.progress.get(peer);
  if (lost === undefined) return;
  const progress = new Progress(nextIndex(lost.match), lost.lastContactMs, core.log.lastIndex);
  progress.disk = lost.disk;
  progress.generation = lost.generation;
  // Nothing can arrive there now; the reply to the next heartbeat shows that the peer is back.
  progress.probeSent = true;
  core.progress.set(peer, progress);
}

/** This node's disk has its log up to here, and with the log its term. */
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

/**
 * The configuration without this node is committed, so it must step down (Raft §6). Later records, which name the same voters, need not be
 * committed.
 */
const isOwnRemovalCommitted = (core: CoreState): boolean => core.areMembersCommitted && !isVoter(core.configuration, core.id);

function stepDownAfterRemoval(core: CoreState): void {
  // Informs the others of the commit, so that the next leader need not wait for it.
  for (const [peer, progress] of core.progress) sendHeartbeat(core, peer, progress);
  transferBeforeStop(core);
  core.effects.notices.push({ type: 'removed', by: core.configurations.latest.membersSince });
  core.isRemoved = !core.configuration.learners.includes(core.id) && !core.configuration.joining.includes(core.id);
  becomeFollower(core, core.term, undefined);
}
