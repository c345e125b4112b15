import type { LogIndex, NodeId } from '../base/ids.ts';
import { asIndex, nextIndex, previousIndex, ZERO_ENTRY } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { CoreState } from './core-state.ts';
import type { Entry, EntryId, EntryKind } from './entry.ts';
import { EMPTY_BYTES, entryId } from './entry.ts';
import type { AppendAccepted, AppendRejected, SnapshotReply } from './message.ts';
import { Progress } from './progress.ts';
import { quorumIndex, voteResult } from './quorum.ts';
import { becomeFollower } from './role.ts';

/** An election was won: append the no-op that lets this term commit (Raft §8), and tell everyone. */
export function becomeLeader(core: CoreState): void {
  core.votes.clear();
  core.isLeaderLost = false;
  core.changeRole('leader', core.id);
  core.progress.clear();
  for (const peer of core.peers) core.progress.set(peer, new Progress(nextIndex(core.log.lastIndex), core.now));
  core.uncommittedBytes = 0;
  for (const entry of core.log.between(core.commit, core.log.lastIndex)) core.uncommittedBytes += entry.data.length;
  core.heartbeatDueMs = core.now + core.config.heartbeatMs;
  appendOwn(core, 'noop', EMPTY_BYTES);
  broadcast(core);
}

/** A leader only ever appends (Raft §5.3, Leader Append-Only). */
function appendOwn(core: CoreState, kind: EntryKind, data: Uint8Array): EntryId {
  const entry: Entry = { index: nextIndex(core.log.lastIndex), term: core.term, kind, data };
  core.log.append(entry);
  core.uncommittedBytes += data.length;
  const pending = core.effects.append;
  invariant(pending === undefined, () => 'a leader appended twice in one step');
  core.effects.append = { from: entry.index, entries: [entry] };
  return entryId(entry);
}

/** One batch of commands for the log. What is refused here never entered it. */
export function onPropose(core: CoreState, data: Uint8Array): void {
  if (core.role !== 'leader') {
    core.effects.refused = { reason: 'not-leader', leader: core.leader };
    return;
  }
  if (core.uncommittedBytes > 0 && core.uncommittedBytes + data.length > core.config.uncommittedBytesMax) {
    core.effects.refused = { reason: 'overloaded', uncommittedBytes: core.uncommittedBytes };
    return;
  }
  core.effects.proposed = appendOwn(core, 'command', data);
  broadcast(core);
}

function broadcast(core: CoreState): void {
  for (const [peer, progress] of core.progress) replicate(core, peer, progress);
}

/** Sends what the peer may get now: one message while probing, as many as the window holds while replicating. */
function replicate(core: CoreState, peer: NodeId, progress: Progress): void {
  while (maySend(core, progress)) {
    const prevIndex = previousIndex(progress.next);
    const prevTerm = core.log.termAt(prevIndex);
    if (prevTerm === undefined) {
      progress.becomeSnapshot(core.log.compacted.index);
      invariant(
        core.effects.snapshotWanted === undefined || core.effects.snapshotWanted === peer,
        () => 'two snapshots wanted in one step',
      );
      core.effects.snapshotWanted = peer;
      return;
    }
    const entries = core.log.slice(progress.next, core.config.messageBytesMax);
    if (entries.length === 0) return;
    sendAppend(core, peer, progress, { index: prevIndex, term: prevTerm }, entries);
    if (progress.state === 'probe') {
      progress.probeSent = true;
      return;
    }
    let bytes = 0;
    for (const entry of entries) bytes += entry.data.length;
    progress.onSent(asIndex(prevIndex + entries.length), bytes);
  }
}

function maySend(core: CoreState, progress: Progress): boolean {
  if (progress.state === 'probe') return !progress.probeSent;
  if (progress.state === 'snapshot') return false;
  return progress.inflightMessages < core.config.inflightMessagesMax && progress.inflightBytes < core.config.inflightBytesMax;
}

function sendAppend(core: CoreState, to: NodeId, progress: Progress, prev: EntryId, entries: readonly Entry[]): void {
  progress.lastSentMs = core.now;
  core.send({ type: 'append', from: core.id, to, term: core.term, prev, entries, commit: core.commit });
}

/**
 * An empty AppendEntries to everyone who got nothing for a heartbeat (Raft §5.2). Its predecessor is the last entry that
 * was sent, so that it also discovers what was lost on the way.
 */
function sendHeartbeats(core: CoreState): void {
  for (const [peer, progress] of core.progress) {
    if (core.now - progress.lastSentMs < core.config.heartbeatMs / 2) continue;
    const prevIndex = previousIndex(progress.next);
    const prevTerm = core.log.termAt(prevIndex);
    // Behind the window there is nothing to compare; "before the log" matches everywhere.
    const prev = progress.state === 'snapshot' || prevTerm === undefined ? ZERO_ENTRY : { index: prevIndex, term: prevTerm };
    sendAppend(core, peer, progress, prev, []);
  }
}

/** The leader's own deadline: heartbeats, and CheckQuorum (thesis §6.2). */
export function onLeaderDeadline(core: CoreState): void {
  const heardSince = core.now - core.config.electionTimeoutMs;
  const quorum = voteResult(core.configuration, (voter) => {
    if (voter === core.id) return true;
    const progress = core.progress.get(voter);
    return progress !== undefined && progress.lastHeardMs >= heardSince;
  });
  if (quorum !== 'won') {
    becomeFollower(core, core.term, undefined);
    return;
  }
  core.heartbeatDueMs = core.now + core.config.heartbeatMs;
  sendHeartbeats(core);
}

export function onAppendAccepted(core: CoreState, message: AppendAccepted): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.lastHeardMs = core.now;
  invariant(
    message.match <= core.log.lastIndex,
    () => `node ${message.from} acknowledges ${message.match}, past this leader's log, ${core.log.lastIndex}`,
  );
  const isNews = progress.onAccepted(message.match);
  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'snapshot' && progress.match >= progress.snapshotFrom) progress.becomeReplicate();
  else if (progress.state === 'replicate' && core.log.termAt(previousIndex(progress.next)) === undefined) {
    // The window was full while compaction passed what is to come next. Heartbeats name no predecessor then, and cannot discover
    // that what is on its way was lost: without this the window would stay full for ever.
    progress.becomeProbe(nextIndex(progress.match));
  }
  if (isNews) commitByCounting(core);
  replicate(core, message.from, progress);
}

export function onAppendRejected(core: CoreState, message: AppendRejected): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.lastHeardMs = core.now;
  if (progress.state === 'snapshot') return;
  // A rejection of what was acknowledged since, or of another probe than the one that is out, is late news.
  if (message.rejected <= progress.match) return;
  if (progress.state === 'probe' && message.rejected !== previousIndex(progress.next)) return;
  const latest = asIndex(Math.min(message.hint.index, message.rejected - 1));
  const agreed = core.log.lastAtMost(latest, message.hint.term);
  // The logs may agree only before the window, whose beginning is all that `agreed` can name then: a snapshot will be wanted.
  // Each probe lies before the one that was rejected, or the exchange would never end.
  progress.becomeProbe(asIndex(Math.min(agreed.index, latest) + 1));
  replicate(core, message.from, progress);
}

/** Answers about chunks count as signs of life; what to send next is for whoever streams the snapshot. */
export function onSnapshotReply(core: CoreState, message: SnapshotReply): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.lastHeardMs = core.now;
  core.effects.snapshotReply = message;
}

/**
 * The channel to a follower closed: what was on its way is lost. Whoever comes back may have been given a new disk, so nothing that
 * was acknowledged before is held against it: where the logs agree is found again from its answers.
 */
export function onFollowerLost(core: CoreState, peer: NodeId): void {
  const lost = core.progress.get(peer);
  if (lost === undefined) return;
  const progress = new Progress(nextIndex(lost.match), lost.lastHeardMs);
  // Nothing can arrive there now; the next heartbeat's answer shows that the peer is back.
  progress.probeSent = true;
  core.progress.set(peer, progress);
}

/**
 * Commits what a majority has on disk, this node's own disk counted like any other, and only by entries of its own term:
 * earlier ones commit with them, never by counting (Raft §5.4.2, Figure 8).
 */
export function commitByCounting(core: CoreState): void {
  const index = quorumIndex(core.configuration, (voter) => matchOf(core, voter));
  if (index <= core.commit || core.log.termAt(index) !== core.term) return;
  for (const entry of core.log.between(core.commit, index)) core.uncommittedBytes -= entry.data.length;
  core.advanceCommit(index);
}

function matchOf(core: CoreState, voter: NodeId): LogIndex {
  if (voter === core.id) return core.log.persisted;
  return core.progress.get(voter)?.match ?? asIndex(0);
}
