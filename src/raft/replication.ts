import type { NodeId } from '../base/ids.ts';
import { asIndex, nextIndex, previousIndex, ZERO_ENTRY } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { Entry, EntryId, EntryKind } from './entry.ts';
import { entryId } from './entry.ts';
import type { LeaderState } from './leader-state.ts';
import type { RaftMessage } from './message.ts';
import type { Progress } from './progress.ts';
import type { SharedState } from './shared-state.ts';

/** How a leader's log grows, and how it is replicated. */

/** A leader only ever appends (Raft §5.3, Leader Append-Only). */
export function appendOwn(core: SharedState, leader: LeaderState, kind: EntryKind, data: Uint8Array): EntryId {
  const entry: Entry = { index: nextIndex(core.log.lastIndex), term: core.term, kind, data };
  core.append(entry);
  leader.uncommittedBytes += data.length;
  const pending = core.effects.append;
  invariant(pending === undefined, () => 'a leader appended twice in one step');
  core.effects.append = { from: entry.index, entries: [entry] };
  return entryId(entry);
}

export function broadcast(core: SharedState, leader: LeaderState): void {
  for (const [peer, progress] of leader.progress) replicate(core, leader, peer, progress);
}

/** Sends the peer what it may receive now: one message while probing, as many as the window allows while replicating. */
export function replicate(core: SharedState, leader: LeaderState, peer: NodeId, progress: Progress): void {
  while (maySend(core, progress)) {
    const prevIndex = previousIndex(progress.next);
    const prevTerm = core.log.termAt(prevIndex);
    if (prevTerm === undefined) {
      progress.becomeSnapshot(core.log.compacted.index);
      core.effects.snapshotsWanted.push(peer);
      return;
    }
    const entries = core.log.slice(progress.next, core.config.messageBytesMax);
    if (entries.length === 0) return;
    sendAppend(core, leader, peer, progress, { index: prevIndex, term: prevTerm }, entries);
    if (progress.state === 'probe') {
      progress.probeSent = true;
      return;
    }
    let bytes = 0;
    for (const entry of entries) bytes += entry.data.length;
    progress.onSent(asIndex(prevIndex + entries.length), bytes);
  }
}

function maySend(core: SharedState, progress: Progress): boolean {
  if (progress.state === 'probe') return !progress.probeSent;
  if (progress.state === 'snapshot') return false;
  return progress.inflightMessages < core.config.inflightMessagesMax && progress.inflightBytes < core.config.inflightBytesMax;
}

/** Until its term is on disk, a leader sends nothing: see `isTermOnDisk`. */
export function sendAsLeader(core: SharedState, leader: LeaderState, message: RaftMessage): void {
  if (leader.isTermOnDisk) core.send(message);
  else core.sendAfterPersist(message);
}

function sendAppend(
  core: SharedState,
  leader: LeaderState,
  to: NodeId,
  progress: Progress,
  prev: EntryId,
  entries: readonly Entry[],
): void {
  progress.lastSentMs = core.now;
  const { id: from, term, commit } = core;
  sendAsLeader(core, leader, { type: 'append', from, to, term, prev, entries, commit, round: leader.reads.current });
}

/** To each peer that was sent nothing for half a heartbeat interval. */
export function sendDueHeartbeats(core: SharedState, leader: LeaderState): void {
  for (const [peer, progress] of leader.progress) {
    if (core.now - progress.lastSentMs >= core.config.heartbeatMs / 2) sendHeartbeat(core, leader, peer, progress);
  }
}

/** An empty AppendEntries. Its predecessor is the last entry that was sent, so it also discovers lost messages. */
export function sendHeartbeat(core: SharedState, leader: LeaderState, peer: NodeId, progress: Progress): void {
  const prevIndex = previousIndex(progress.next);
  const prevTerm = core.log.termAt(prevIndex);
  // Outside the window there is nothing to compare; "before the log" matches everywhere.
  const prev = progress.state === 'snapshot' || prevTerm === undefined ? ZERO_ENTRY : { index: prevIndex, term: prevTerm };
  sendAppend(core, leader, peer, progress, prev, []);
}
