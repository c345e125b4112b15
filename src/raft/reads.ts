import type { NodeId } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import { isCounted } from './counting.ts';
import { quorumValue } from './quorum.ts';
import { sendHeartbeat } from './replication.ts';

/**
 * Whether the leader knows what is committed: only once an entry of its own term is (thesis §6.4, step 1). Until then, entries that an
 * earlier leader committed may be after its commit index.
 */
export const isReady = (core: CoreState): boolean => core.log.termAt(core.commit) === core.term;

/** Reads that arrived together (ReadIndex, thesis §6.4). They join the next round; one round is in progress at a time. */
export function onRead(core: CoreState, batch: number, lease: boolean): void {
  if (core.role !== 'leader') {
    core.effects.rejected = { reason: 'not-leader', leader: core.leader };
    return;
  }
  if (lease && holdsLease(core)) {
    core.effects.readable.push({ batch, index: core.commit });
    return;
  }
  core.reads.pend(batch);
  if (!core.reads.isAwaited && isReady(core)) askAll(core);
}

/** A round that no read waits for may be delayed; this one is sent at once. */
function askAll(core: CoreState): void {
  beginRound(core);
  for (const [peer, progress] of core.progress) sendHeartbeat(core, peer, progress);
  confirmReads(core);
}

/** All messages sent from now on belong to a new round. */
export function beginRound(core: CoreState): void {
  core.reads.begin(core.now, core.config.leaseMs);
  if (isReady(core)) core.reads.admit(core.commit);
}

/** After a reply, or the first commit of the term: serves reads whose round a majority replied to. */
export function confirmReads(core: CoreState): void {
  if (core.reads.isAwaited) {
    const confirmed = quorumValue(core.configuration, (voter) => (voter === core.id ? core.reads.current : roundOf(core, voter)));
    core.effects.readable.push(...core.reads.takeConfirmed(confirmed));
  }
  if (core.reads.hasPending && !core.reads.isAwaited && isReady(core)) askAll(core);
}

/** The last round that the voter replied to with its own disk, in a recorded life. */
function roundOf(core: CoreState, voter: NodeId): number {
  const progress = core.progress.get(voter);
  return progress !== undefined && isCounted(core, voter, progress) ? progress.round : 0;
}

/**
 * Lease reads (thesis §6.4.1): a majority replied to a round that began less than `leaseMs` ago, and rejects votes for other nodes
 * until an election timeout has passed since. Once the leader has asked another node to lead, that no longer holds in its term.
 */
function holdsLease(core: CoreState): boolean {
  const { leaseMs } = core.config;
  if (leaseMs === 0 || core.isLeaseRevoked || !isReady(core)) return false;
  const heldSince = quorumValue(core.configuration, (voter) => (voter === core.id ? core.now : core.reads.begunAtMs(roundOf(core, voter))));
  return core.now < heldSince + leaseMs;
}
