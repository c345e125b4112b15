import type { NodeId } from '../base/ids.ts';
import { isCounted } from './counting.ts';
import type { LeaderState } from './leader-state.ts';
import { quorumValue } from './quorum.ts';
import { sendHeartbeat } from './replication.ts';
import type { SharedState } from './shared-state.ts';

/**
 * Whether the leader knows what is committed: only once an entry of its own term is (thesis §6.4, step 1). Until then, entries that an
 * earlier leader committed may be after its commit index.
 */
export const isReady = (core: SharedState): boolean => core.log.termAt(core.commit) === core.term;

/** Reads that arrived together (ReadIndex, thesis §6.4). They join the next round; one round is in progress at a time. */
export function onRead(core: SharedState, leader: LeaderState, batch: number, lease: boolean): void {
  if (lease && holdsLease(core, leader)) {
    core.effects.readable.push({ batch, index: core.commit });
    return;
  }
  leader.reads.pend(batch);
  if (!leader.reads.isAwaited && isReady(core)) askAll(core, leader);
}

/** A round that no read waits for may be delayed; this one is sent at once. */
function askAll(core: SharedState, leader: LeaderState): void {
  beginRound(core, leader);
  for (const [peer, progress] of leader.progress) sendHeartbeat(core, leader, peer, progress);
  confirmReads(core, leader);
}

/** All messages sent from now on belong to a new round. */
export function beginRound(core: SharedState, leader: LeaderState): void {
  leader.reads.begin(core.now, core.config.leaseMs);
  if (isReady(core)) leader.reads.admit(core.commit);
}

/** After a reply, or the first commit of the term: serves reads whose round a majority replied to. */
export function confirmReads(core: SharedState, leader: LeaderState): void {
  if (leader.reads.isAwaited) {
    const confirmed = quorumValue(core.configuration, (voter) => (voter === core.id ? leader.reads.current : roundOf(core, leader, voter)));
    core.effects.readable.push(...leader.reads.takeConfirmed(confirmed));
  }
  if (leader.reads.hasPending && !leader.reads.isAwaited && isReady(core)) askAll(core, leader);
}

/** The last round that the voter replied to with its own disk, in a recorded life. */
function roundOf(core: SharedState, leader: LeaderState, voter: NodeId): number {
  const progress = leader.progress.get(voter);
  return progress !== undefined && isCounted(core, voter, progress) ? progress.round : 0;
}

/**
 * Lease reads (thesis §6.4.1): a majority replied to a round that began less than `leaseMs` ago, and rejects votes for other nodes
 * until an election timeout has passed since. Once the leader has asked another node to lead, that no longer holds in its term.
 */
function holdsLease(core: SharedState, leader: LeaderState): boolean {
  const { leaseMs } = core.config;
  if (leaseMs === 0 || leader.isLeaseRevoked || !isReady(core)) return false;
  const heldSince = quorumValue(core.configuration, (voter) =>
    voter === core.id ? core.now : leader.reads.begunAtMs(roundOf(core, leader, voter)),
  );
  return core.now < heldSince + leaseMs;
}
