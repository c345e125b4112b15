import { counterOf, isSameLife } from '../base/generation.ts';
import type { NodeId } from '../base/ids.ts';
import { asIndex, nextIndex, previousIndex } from '../base/ids.ts';
import { ForgottenEntriesError } from '../base/invariant.ts';
import { agreedIndex } from './counting.ts';
import { EMPTY_BYTES } from './entry.ts';
import { LeaderState } from './leader-state.ts';
import { type DiskState, diskOf, isVotersState } from './membership.ts';
import type { AppendAccepted, AppendRejected, SnapshotReply } from './message.ts';
import { Progress } from './progress.ts';
import { isVoter, voteResult } from './quorum.ts';
import { beginRound, confirmReads } from './reads.ts';
import { advanceReconfiguration, isRebuilt } from './reconfiguration.ts';
import { appendOwn, broadcast, replicate, sendDueHeartbeats, sendHeartbeat } from './replication.ts';
import { becomeFollower } from './role.ts';
import type { SharedState } from './shared-state.ts';
import { advanceTransfer, expireTransfer, transferBeforeStop } from './transfer.ts';

/** Won an election: append the no-op that lets this term commit, and send it to all. */
export function becomeLeader(core: SharedState): void {
  let uncommittedBytes = 0;
  for (const entry of core.log.between(core.commit, core.log.lastIndex)) uncommittedBytes += entry.data.length;
  const leader = new LeaderState({
    peers: core.peers,
    next: nextIndex(core.log.lastIndex),
    nowMs: core.now,
    heartbeatDueMs: core.now + core.config.heartbeatMs,
    uncommittedBytes,
    // A node that needed other votes requested them with its own on disk.
    isTermOnDisk: core.effects.hardState === undefined,
  });
  core.become(leader);
  beginRound(core, leader);
  // "Raft handles this by having each leader commit a blank no-op entry into the log at the start of its term" (Raft §8).
  appendOwn(core, leader, 'noop', EMPTY_BYTES);
  broadcast(core, leader);
}

/** One batch of commands for the log. A rejected batch never entered it. */
export function onPropose(core: SharedState, leader: LeaderState, data: Uint8Array): void {
  if (leader.transfer !== undefined) {
    core.effects.rejected = { reason: 'transferring', to: leader.transfer.to };
    return;
  }
  if (leader.uncommittedBytes > 0 && leader.uncommittedBytes + data.length > core.config.uncommittedBytesMax) {
    core.effects.rejected = { reason: 'overloaded', uncommittedBytes: leader.uncommittedBytes };
    return;
  }
  core.effects.proposed = appendOwn(core, leader, 'command', data);
  broadcast(core, leader);
}

/**
 * The leader's own deadline: heartbeats, and CheckQuorum (thesis §6.2).
 * @param readMs when the leader last read its messages.
 * @param unread peers whose messages have arrived but are not read yet.
 */
export function onLeaderDeadline(core: SharedState, leader: LeaderState, readMs: number, unread: ReadonlySet<NodeId>): void {
  const contactSinceMs = readMs - core.config.electionTimeoutMs;
  const quorum = voteResult(core.configuration, (voter) => {
    if (voter === core.id || unread.has(voter)) return true;
    const progress = leader.progress.get(voter);
    return progress !== undefined && progress.lastContactMs >= contactSinceMs && isVotersState(core.configuration, voter, progress);
  });
  if (quorum !== 'won') {
    becomeFollower(core, core.term, undefined);
    return;
  }
  expireTransfer(core, leader);
  leader.heartbeatDueMs = core.now + core.config.heartbeatMs;
  beginRound(core, leader);
  // A peer that was sent something else meanwhile needs no heartbeat (Raft §5.2), unless reads or a lease wait for its reply to this round.
  const isRoundWanted = leader.reads.isAwaited || core.config.leaseMs > 0;
  if (isRoundWanted) for (const [peer, progress] of leader.progress) sendHeartbeat(core, leader, peer, progress);
  else sendDueHeartbeats(core, leader);
  advanceReconfiguration(core, leader);
}

export function onAppendAccepted(core: SharedState, leader: LeaderState, message: AppendAccepted): void {
  const progress = recordResponse(core, leader, message.from, message);
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
  if (isRebuilt(core, leader, message.from)) {
    progress.measureCatchUp(core.log.lastIndex, core.now, core.config.electionTimeoutMs);
  }
  if (isNews) commitByCounting(core, leader);
  onResponse(core, leader, message.from);
}

export function onAppendRejected(core: SharedState, leader: LeaderState, message: AppendRejected): void {
  const progress = recordResponse(core, leader, message.from, message);
  if (progress === undefined) return;
  if (isNewsOfMismatch(progress, message)) {
    const latest = asIndex(Math.min(message.hint.index, message.rejected - 1));
    const agreed = core.log.lastAtMost(latest, message.hint.term);
    // The logs may agree only before the window, whose beginning is the earliest that `agreed` can name: then a snapshot follows.
    // Each probe is before the rejected one, or the exchange would never end.
    progress.becomeProbe(asIndex(Math.min(agreed.index, latest) + 1));
  }
  onResponse(core, leader, message.from);
}

/** A rejection of an index acknowledged since, or of another probe than the one in flight, is stale. */
function isNewsOfMismatch(progress: Progress, message: AppendRejected): boolean {
  if (progress.state === 'snapshot' || message.rejected <= progress.match) return false;
  return progress.state !== 'probe' || message.rejected === previousIndex(progress.next);
}

/** What any reply may trigger. The commit that came with it may have ended this node's leadership. */
function onResponse(core: SharedState, leader: LeaderState, peer: NodeId): void {
  if (core.state !== leader) return;
  confirmReads(core, leader);
  advanceReconfiguration(core, leader);
  const progress = leader.progress.get(peer);
  if (progress !== undefined) replicate(core, leader, peer, progress);
  advanceTransfer(core, leader);
}

/** Records that the peer is alive. What was acknowledged with another disk, or in another life of it, no longer counts. */
function recordResponse(
  core: SharedState,
  leader: LeaderState,
  peer: NodeId,
  reply: DiskState & { readonly round: number },
): Progress | undefined {
  let progress = leader.progress.get(peer);
  if (progress === undefined) return undefined;
  if (progress.disk !== reply.disk || !isSameLife(progress.generation, reply.generation)) {
    // A late reply, or one from an older copy whose successor is not recorded yet. Once it is, the log reports it to the copy, which then
    // counts for nothing.
    const isBehind = progress.disk === reply.disk && counterOf(reply.generation) <= counterOf(progress.generation);
    if (isBehind && diskOf(core.configuration, peer) === reply.disk && isVotersState(core.configuration, peer, reply)) return undefined;
    if (progress.match > 0) {
      progress = new Progress(nextIndex(core.log.lastIndex), core.now);
      leader.progress.set(peer, progress);
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
export function onSnapshotReply(core: SharedState, leader: LeaderState, message: SnapshotReply): void {
  const progress = leader.progress.get(message.from);
  if (progress === undefined) return;
  progress.onContact(core.now);
  core.effects.snapshotReply = message;
}

/**
 * The channel to a follower closed: messages in flight are lost. The follower may come back with a new disk, so earlier acknowledgements
 * do not bind it: its replies show again where the logs agree.
 */
export function onFollowerLost(core: SharedState, leader: LeaderState, peer: NodeId): void {
  const lost = leader.progress.get(peer);
  if (lost === undefined) return;
  const progress = new Progress(nextIndex(lost.match), lost.lastContactMs, core.log.lastIndex);
  progress.disk = lost.disk;
  progress.generation = lost.generation;
  // Nothing can arrive there now; the reply to the next heartbeat shows that the peer is back.
  progress.probeSent = true;
  leader.progress.set(peer, progress);
}

/** This node's disk has its log up to here, and with the log its term. */
export function onOwnPersisted(core: SharedState, leader: LeaderState): void {
  if (core.log.termAt(core.log.persisted) === core.term) leader.isTermOnDisk = true;
  commitByCounting(core, leader);
  if (core.state === leader) advanceReconfiguration(core, leader);
}

/**
 * Commits what a majority has on disk, this node's own disk counted like any other, and only by entries of its own term:
 * earlier ones commit with them, never by counting (Raft §5.4.2, Figure 8).
 */
function commitByCounting(core: SharedState, leader: LeaderState): void {
  const index = agreedIndex(core, leader);
  // "Only log entries from the leader's current term are committed by counting replicas" (Raft §5.4.2).
  if (index <= core.commit || core.log.termAt(index) !== core.term) return;
  for (const entry of core.log.between(core.commit, index)) leader.uncommittedBytes -= entry.data.length;
  core.advanceCommit(index);
  confirmReads(core, leader);
  if (isOwnRemovalCommitted(core)) stepDownAfterRemoval(core, leader);
}

/**
 * The configuration without this node is committed, so it must step down (Raft §6). Later records, which name the same voters, need not be
 * committed.
 */
const isOwnRemovalCommitted = (core: SharedState): boolean => core.areMembersCommitted && !isVoter(core.configuration, core.id);

function stepDownAfterRemoval(core: SharedState, leader: LeaderState): void {
  // Informs the others of the commit, so that the next leader need not wait for it.
  for (const [peer, progress] of leader.progress) sendHeartbeat(core, leader, peer, progress);
  transferBeforeStop(core, leader);
  core.effects.notices.push({ type: 'removed', by: core.configurations.latest.membersSince });
  const follower = becomeFollower(core, core.term, undefined);
  follower.isRemoved = !core.configuration.learners.includes(core.id) && !core.configuration.joining.includes(core.id);
}
