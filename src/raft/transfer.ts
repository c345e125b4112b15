import type { NodeId } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import { isVotersState } from './membership.ts';
import { replicate } from './replication.ts';

/** Leadership transfer (thesis §3.10): the leader stops accepting proposals, brings the target up to date, and sends it TimeoutNow. */
export function onTransfer(core: CoreState, wanted: NodeId | undefined): void {
  if (core.role !== 'leader') {
    core.effects.rejected = { reason: 'not-leader', leader: core.leader };
    return;
  }
  if (core.transfer !== undefined) {
    if (wanted === undefined || wanted === core.transfer.to) return;
    abortTransfer(core);
  }
  const to = wanted ?? bestSuccessor(core);
  if (to === undefined || !isCandidateFor(core, to)) {
    const message =
      to === undefined
        ? 'No other voter replies. Retry when one does.'
        : `Node ${to} is not another voter that replies. Choose one that does.`;
    core.effects.rejected = { reason: 'invalid-transfer', message };
    return;
  }
  core.transfer = { to, dueMs: core.now + core.config.electionTimeoutMs, isAsked: false };
  // Members do not change until the transfer ends; earlier replies of voters prove nothing then.
  core.askedStep = undefined;
  core.effects.notices.push({ type: 'transfer', to, outcome: 'begun' });
  const progress = core.progress.get(to);
  if (progress !== undefined) replicate(core, to, progress);
  advanceTransfer(core);
}

/** After a reply: the target may have everything now. */
export function advanceTransfer(core: CoreState): void {
  const { transfer } = core;
  if (transfer === undefined || transfer.isAsked || core.progress.get(transfer.to)?.match !== core.log.lastIndex) return;
  transfer.isAsked = true;
  sendTimeoutNow(core, transfer.to);
  core.effects.notices.push({ type: 'transfer', to: transfer.to, outcome: 'asked' });
}

/** The target did not take over in time, or is no longer a voter: this node continues to lead. */
export function expireTransfer(core: CoreState): void {
  const { transfer } = core;
  if (transfer !== undefined && (core.now >= transfer.dueMs || !isCandidateFor(core, transfer.to))) abortTransfer(core);
}

/** Sends TimeoutNow to the voter with the most advanced log: for a leader that stops without waiting. */
export function transferBeforeStop(core: CoreState): void {
  const to = bestSuccessor(core);
  if (to !== undefined) sendTimeoutNow(core, to);
}

function sendTimeoutNow(core: CoreState, to: NodeId): void {
  core.isLeaseRevoked = true;
  core.send({ type: 'timeout-now', from: core.id, to, term: core.term });
}

function abortTransfer(core: CoreState): void {
  if (core.transfer === undefined) return;
  core.effects.notices.push({ type: 'transfer', to: core.transfer.to, outcome: 'given-up' });
  core.transfer = undefined;
}

/** Of the voters that replied within an election timeout, the one with the most advanced log; of equals the one with the lowest id. */
function bestSuccessor(core: CoreState): NodeId | undefined {
  let best: NodeId | undefined;
  for (const voter of core.configuration.voters) {
    if (!isCandidateFor(core, voter)) continue;
    const match = core.progress.get(voter)?.match ?? 0;
    const bestMatch = best === undefined ? -1 : (core.progress.get(best)?.match ?? 0);
    if (match > bestMatch || (match === bestMatch && best !== undefined && voter < best)) best = voter;
  }
  return best;
}

function isCandidateFor(core: CoreState, voter: NodeId): boolean {
  const progress = core.progress.get(voter);
  if (voter === core.id || progress === undefined || !core.configuration.voters.includes(voter)) return false;
  return progress.lastContactMs > core.now - core.config.electionTimeoutMs && isVotersState(core.configuration, voter, progress);
}
