import type { NodeId } from '../base/ids.ts';
import type { LeaderState } from './leader-state.ts';
import { isVotersState } from './membership.ts';
import { replicate, sendAsLeader } from './replication.ts';
import type { SharedState } from './shared-state.ts';

/** Leadership transfer (thesis §3.10): the leader stops accepting proposals, brings the target up to date, and sends it TimeoutNow. */
export function onTransfer(core: SharedState, leader: LeaderState, wanted: NodeId | undefined): void {
  if (leader.transfer !== undefined) {
    if (wanted === undefined || wanted === leader.transfer.to) return;
    abortTransfer(core, leader);
  }
  const to = wanted ?? bestSuccessor(core, leader);
  if (to === undefined || !isCandidateFor(core, leader, to)) {
    const message =
      to === undefined
        ? 'No other voter replies. Retry when one does.'
        : `Node ${to} is not another voter that replies. Choose one that does.`;
    core.effects.rejected = { reason: 'invalid-transfer', message };
    return;
  }
  leader.transfer = { to, dueMs: core.now + core.config.electionTimeoutMs, isAsked: false };
  // Members do not change until the transfer ends; earlier replies of voters prove nothing then.
  leader.askedStep = undefined;
  core.effects.notices.push({ type: 'transfer', to, outcome: 'begun' });
  const progress = leader.progress.get(to);
  if (progress !== undefined) replicate(core, leader, to, progress);
  advanceTransfer(core, leader);
}

/** After a reply: the target may have everything now. */
export function advanceTransfer(core: SharedState, leader: LeaderState): void {
  const { transfer } = leader;
  if (transfer === undefined || transfer.isAsked || leader.progress.get(transfer.to)?.match !== core.log.lastIndex) return;
  transfer.isAsked = true;
  sendTimeoutNow(core, leader, transfer.to);
  core.effects.notices.push({ type: 'transfer', to: transfer.to, outcome: 'asked' });
}

/** The target did not take over in time, or is no longer a voter: this node continues to lead. */
export function expireTransfer(core: SharedState, leader: LeaderState): void {
  const { transfer } = leader;
  if (transfer !== undefined && (core.now >= transfer.dueMs || !isCandidateFor(core, leader, transfer.to))) abortTransfer(core, leader);
}

/** Sends TimeoutNow to the voter with the most advanced log: for a leader that stops without waiting. */
export function transferBeforeStop(core: SharedState, leader: LeaderState): void {
  const to = bestSuccessor(core, leader);
  if (to !== undefined) sendTimeoutNow(core, leader, to);
}

function sendTimeoutNow(core: SharedState, leader: LeaderState, to: NodeId): void {
  leader.isLeaseRevoked = true;
  sendAsLeader(core, leader, { type: 'timeout-now', from: core.id, to, term: core.term });
}

function abortTransfer(core: SharedState, leader: LeaderState): void {
  if (leader.transfer === undefined) return;
  core.effects.notices.push({ type: 'transfer', to: leader.transfer.to, outcome: 'given-up' });
  leader.transfer = undefined;
}

/** Of the voters that replied within an election timeout, the one with the most advanced log; of equals the one with the lowest id. */
function bestSuccessor(core: SharedState, leader: LeaderState): NodeId | undefined {
  let best: NodeId | undefined;
  for (const voter of core.configuration.voters) {
    if (!isCandidateFor(core, leader, voter)) continue;
    const match = leader.progress.get(voter)?.match ?? 0;
    const bestMatch = best === undefined ? -1 : (leader.progress.get(best)?.match ?? 0);
    if (match > bestMatch || (match === bestMatch && best !== undefined && voter < best)) best = voter;
  }
  return best;
}

function isCandidateFor(core: SharedState, leader: LeaderState, voter: NodeId): boolean {
  const progress = leader.progress.get(voter);
  if (voter === core.id || progress === undefined || !core.configuration.voters.includes(voter)) return false;
  return progress.lastContactMs > core.now - core.config.electionTimeoutMs && isVotersState(core.configuration, voter, progress);
}
