import type { LogIndex, NodeId } from '../base/ids.ts';
import { asIndex, nextIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { CoreState } from './core-state.ts';
import type { Entry, SnapshotId } from './entry.ts';
import type { AppendEntries, InstallSnapshot } from './message.ts';
import { becomeFollower } from './role.ts';

/** A message from the current term's leader: follow it and restart the election timer (Raft §5.2). */
function recordLeaderContact(core: CoreState, message: AppendEntries | InstallSnapshot): void {
  invariant(core.role !== 'leader', () => `nodes ${core.id} and ${message.from} both lead term ${core.term}`);
  if (core.role !== 'follower') becomeFollower(core, core.term, message.from);
  else core.changeRole('follower', message.from);
  core.isLeaderLost = false;
  core.isRemoved = false;
  core.leaderContactMs = core.now;
  core.resetElectionTimer();
}

/** AppendEntries of the current term (Raft Figure 2, receiver implementation). */
export function onAppend(core: CoreState, message: AppendEntries): void {
  recordLeaderContact(core, message);
  if (message.prev.index < core.commit) {
    // Everything up to the commit index is the same everywhere: report how far that is, and look no further back.
    accept(core, message, takeBehindCommit(core, message));
    return;
  }
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
function takeBehindCommit(core: CoreState, message: AppendEntries): LogIndex {
  const end = message.prev.index + message.entries.length;
  if (end <= core.commit) return core.commit;
  takeEntries(core, message.entries.slice(core.commit - message.prev.index));
  return asIndex(end);
}

function accept(core: CoreState, message: AppendEntries, match: LogIndex): void {
  // Never past the entries that this message covers (Raft Figure 2: min of leaderCommit and index of last new entry).
  core.advanceCommit(message.commit < match ? message.commit : match);
  core.sendAfterPersist({ ...responseTo(core, message), type: 'append-accepted', match });
}

const responseTo = (core: CoreState, { from, round }: { readonly from: NodeId; readonly round: number }) => ({
  from: core.id,
  to: from,
  term: core.term,
  round,
  disk: core.disk,
  generation: core.generation,
});

/** Deletes only from the first conflict on, and appends what is missing: an old, repeated message must not shorten the log (Raft §5.3). */
function takeEntries(core: CoreState, entries: readonly Entry[]): void {
  const isNew = (entry: Entry): boolean => core.log.termAt(entry.index) !== entry.term;
  const fresh = entries.slice(entries.findIndex(isNew));
  const first = fresh[0];
  if (first === undefined || !isNew(first)) return;
  if (first.index <= core.log.lastIndex) {
    invariant(
      first.index > core.commit,
      () => `the committed entry ${first.index} of node ${core.id} is in conflict with the leader of term ${core.term}`,
    );
    core.truncate(first.index);
  }
  for (const entry of fresh) core.append(entry);
  core.effects.append = { from: first.index, entries: fresh };
}

/** InstallSnapshot (Raft §7): the runtime stages the chunk and replies, unless this node already has what the snapshot covers. */
export function onInstallSnapshot(core: CoreState, message: InstallSnapshot): void {
  recordLeaderContact(core, message);
  // A log that contains the snapshot's last entry needs nothing of it. The entries after that one may have been acknowledged
  // and must stay (Raft Figure 13, step 6).
  if (core.log.contains(message.snapshot)) core.advanceCommit(message.snapshot.index);
  if (message.snapshot.index <= core.commit) {
    core.sendAfterPersist({ ...responseTo(core, { from: message.from, round: 0 }), type: 'append-accepted', match: core.commit });
    return;
  }
  core.effects.snapshotChunk = message;
}

/** A snapshot replaced log and state, on disk. */
export function onSnapshotInstalled(core: CoreState, snapshot: SnapshotId): void {
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
export function onLeaderLost(core: CoreState): void {
  if (core.config.leaseMs > 0) return;
  core.isLeaderLost = true;
  core.fastElectionRounds = 0;
  core.leaderContactMs = Number.NEGATIVE_INFINITY;
  core.leader = undefined;
  core.resetElectionTimer();
}

/** The checkpoint on disk covers the log up to `upTo`. */
export function onCompacted(core: CoreState, upTo: LogIndex): void {
  invariant(upTo <= core.commit, () => `compaction to ${upTo} passes the commit index ${core.commit}`);
  core.compact(upTo);
  invariant(core.log.firstIndex <= nextIndex(core.commit), () => 'the window begins behind the commit index');
}
