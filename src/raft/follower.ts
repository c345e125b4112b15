import type { LogIndex, NodeId } from '../base/ids.ts';
import { asIndex, nextIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { Entry, SnapshotId } from './entry.ts';
import type { FollowerState } from './follower-state.ts';
import type { AppendEntries, InstallSnapshot } from './message.ts';
import { becomeFollower } from './role.ts';
import type { SharedState } from './shared-state.ts';

/** A message from the current term's leader: follow it and restart the election timer (Raft §5.2). */
function recordLeaderContact(core: SharedState, message: AppendEntries | InstallSnapshot): FollowerState {
  invariant(core.role !== 'leader', () => `nodes ${core.id} and ${message.from} both lead term ${core.term}`);
  // "The candidate recognizes the leader as legitimate and returns to follower state" (Raft §5.2).
  const follower = becomeFollower(core, core.term, message.from);
  follower.isRemoved = false;
  follower.timer.isLeaderLost = false;
  follower.timer.reset(core.now);
  core.leaderContactMs = core.now;
  return follower;
}

/** AppendEntries of the current term (Raft Figure 2, receiver implementation). */
export function onAppend(core: SharedState, message: AppendEntries): void {
  recordLeaderContact(core, message).leaderCommit = message.commit;
  if (message.prev.index < core.commit) {
    // Everything up to the commit index is the same everywhere: report how far that is, and look no further back.
    accept(core, message, takeBehindCommit(core, message));
    return;
  }
  // "Reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm" (Raft Figure 2).
  if (!core.log.contains(message.prev)) {
    core.sendAfterPersist({
      ...responseTo(core, message),
      type: 'append-rejected',
      rejected: message.prev.index,
      hint: core.log.lastAtMost(message.prev.index, message.prev.term),
    });
    return;
  }
  takeEntries(core, message.entries);
  accept(core, message, asIndex(message.prev.index + message.entries.length));
}

/** A message that begins before the commit index may still reach past it. @returns up to where the logs now agree. */
function takeBehindCommit(core: SharedState, message: AppendEntries): LogIndex {
  const end = message.prev.index + message.entries.length;
  if (end <= core.commit) return core.commit;
  takeEntries(core, message.entries.slice(core.commit - message.prev.index));
  return asIndex(end);
}

function accept(core: SharedState, message: AppendEntries, match: LogIndex): void {
  // "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)" (Raft Figure 2).
  core.advanceCommit(message.commit < match ? message.commit : match);
  core.sendAfterPersist({ ...responseTo(core, message), type: 'append-accepted', match });
}

const responseTo = (core: SharedState, { from, round }: { readonly from: NodeId; readonly round: number }) => ({
  from: core.id,
  to: from,
  term: core.term,
  round,
  disk: core.disk,
  generation: core.generation,
});

/** Deletes only from the first conflict on, and appends what is missing: an old, repeated message must not shorten the log (Raft §5.3). */
function takeEntries(core: SharedState, entries: readonly Entry[]): void {
  const isNew = (entry: Entry): boolean => core.log.termAt(entry.index) !== entry.term;
  const fresh = entries.slice(entries.findIndex(isNew));
  const first = fresh[0];
  if (first === undefined || !isNew(first)) return;
  if (first.index <= core.log.lastIndex) {
    invariant(
      first.index > core.commit,
      () => `the committed entry ${first.index} of node ${core.id} is in conflict with the leader of term ${core.term}`,
    );
    // "If an existing entry conflicts with a new one (same index but different terms), delete the existing entry and all that follow it"
    // (Raft Figure 2).
    core.truncate(first.index);
  }
  // "Append any new entries not already in the log" (Raft Figure 2).
  for (const entry of fresh) core.append(entry);
  core.effects.append = { from: first.index, entries: fresh };
}

/** InstallSnapshot (Raft §7): the runtime stages the chunk and replies, unless this node already has what the snapshot covers. */
export function onInstallSnapshot(core: SharedState, message: InstallSnapshot): void {
  recordLeaderContact(core, message);
  // "If existing log entry has same index and term as snapshot's last included entry, retain log entries following it and reply" (Raft
  // Figure 13): they may have been acknowledged.
  if (core.log.contains(message.snapshot)) core.advanceCommit(message.snapshot.index);
  if (message.snapshot.index <= core.commit) {
    core.sendAfterPersist({ ...responseTo(core, { from: message.from, round: 0 }), type: 'append-accepted', match: core.commit });
    return;
  }
  core.effects.snapshotChunk = message;
}

/** A snapshot replaced log and state, on disk. */
export function onSnapshotInstalled(core: SharedState, snapshot: SnapshotId): void {
  invariant(snapshot.index > core.commit, () => `snapshot ${snapshot.index} installed behind the commit index ${core.commit}`);
  core.resetTo(snapshot);
  core.advanceCommit(snapshot.index);
  if (core.leader !== undefined && core.leader !== core.id) {
    core.sendAfterPersist({ ...responseTo(core, { from: core.leader, round: 0 }), type: 'append-accepted', match: snapshot.index });
  }
}

/**
 * The leader's channel closed: it will send nothing more, so waiting for the full timeout is pointless, unless the leader may hold a lease.
 */
export function onLeaderLost(core: SharedState, follower: FollowerState): void {
  if (core.config.leaseMs > 0) return;
  follower.leader = undefined;
  follower.leaderCommit = undefined;
  follower.timer.onLeaderLost(core.now);
  core.leaderContactMs = Number.NEGATIVE_INFINITY;
}

/** A node that follows a leader, or promised it a lease before it was started again, keeps its ordinary timeout. */
export function onLeaderless(core: SharedState, follower: FollowerState): void {
  if (core.config.leaseMs === 0 && follower.leader === undefined) follower.timer.onLeaderLost(core.now);
}

/** The checkpoint on disk covers the log up to `upTo`. */
export function onCompacted(core: SharedState, upTo: LogIndex): void {
  invariant(upTo <= core.commit, () => `compaction to ${upTo} passes the commit index ${core.commit}`);
  core.compact(upTo);
  invariant(core.log.firstIndex <= nextIndex(core.commit), () => 'the window begins behind the commit index');
}
