import type { NodeId } from '../base/ids.ts';
import type { Rejection } from './effects.ts';
import type { Configuration } from './entry.ts';
import type { LeaderState } from './leader-state.ts';
import { hasSameMembers, isVotersState } from './membership.ts';
import type { PendingStep } from './pending-step.ts';
import { distinct, voteResult } from './quorum.ts';
import { beginRound } from './reads.ts';
import { sendHeartbeat } from './replication.ts';
import type { SharedState } from './shared-state.ts';

/**
 * - `new`: a request that just arrived; earlier replies of voters do not prove anything for it
 * - `repeated`: a request that waits for a decision. Meanwhile the leader asks for no automatic step
 * - `none`: the step follows automatically from the change in progress
 */
export type StepRequest = 'new' | 'repeated' | 'none';

/**
 * Voters have this many election timeouts to reply to a request. Where heartbeats queue up behind entries, a reply takes longer than one.
 */
const REPLY_TIMEOUTS = 6;

/**
 * Whether majorities of the voters before and after a step are available, each with the disk that it votes with, so that this step and
 * later entries can be committed. A lost disk does not come back: if the new configuration needed it, nothing could be committed any more,
 * and no leader elected. Earlier replies prove nothing, since the loss of a voter's disk may not be noticed yet. So the first call for a
 * step begins a heartbeat round. Enough voters must reply to it or a later one, and must have replied within an election timeout. The
 * caller repeats the call until then.
 * @returns why the step may not be taken, or not yet; undefined if it may be taken now.
 */
export function stepRejection(core: SharedState, leader: LeaderState, next: Configuration, request: StepRequest): Rejection | undefined {
  const voters = distinct([...next.outgoing, ...next.voters]);
  const isAvailable = (voter: NodeId): boolean => voter === core.id || isPresent(core, leader, next, voter);
  if (voteResult(next, isAvailable) !== 'won') {
    if (request === 'none') dropExpiredStep(core, leader);
    return { reason: 'too-few-voters', present: voters.filter(isAvailable), voters };
  }
  const asked = pendingStepFor(core, leader, next, request);
  if (asked === undefined) return { reason: 'voters-asked', voters };
  const hasReplied = (voter: NodeId): boolean =>
    voter === core.id || (isAvailable(voter) && (leader.progress.get(voter)?.round ?? 0) >= asked.round);
  if (voteResult(next, hasReplied) === 'won') return undefined;
  if (asked.isRequested && isOld(core, asked)) return { reason: 'too-few-voters', present: voters.filter(hasReplied), voters };
  return { reason: 'voters-asked', voters };
}

/** No request waits for the voters' replies any more. */
export function dropRequest(leader: LeaderState): void {
  if (leader.askedStep?.isRequested === true) leader.askedStep = undefined;
}

/** No joining node may be promoted any more: earlier replies of voters do not prove anything for a later step. */
export function dropStep(leader: LeaderState): void {
  if (leader.askedStep?.isRequested === false) leader.askedStep = undefined;
}

/** Voters may be silent for a while, and reply then. */
function dropExpiredStep(core: SharedState, leader: LeaderState): void {
  if (leader.askedStep !== undefined && isOld(core, leader.askedStep)) dropStep(leader);
}

/** The pending step, or a new one; undefined while another one must be decided first. */
function pendingStepFor(core: SharedState, leader: LeaderState, next: Configuration, request: StepRequest): PendingStep | undefined {
  const { askedStep } = leader;
  if (askedStep !== undefined && request !== 'new') {
    if (hasSameMembers(askedStep.next, next)) return askedStep;
    if (askedStep.isRequested && request === 'none') return undefined;
  }
  beginRound(core, leader);
  for (const [peer, progress] of leader.progress) sendHeartbeat(core, leader, peer, progress);
  const asked = { next, isRequested: request !== 'none', round: leader.reads.current, sinceMs: core.now };
  leader.askedStep = asked;
  return asked;
}

const isOld = ({ now, config }: SharedState, { sinceMs }: PendingStep): boolean =>
  now > sinceMs + REPLY_TIMEOUTS * config.electionTimeoutMs;

/**
 * Whether a message of the voter arrived within an election timeout and since its channel last closed, from the disk that it votes with.
 */
function isPresent(core: SharedState, leader: LeaderState, next: Configuration, voter: NodeId): boolean {
  const progress = leader.progress.get(voter);
  if (progress === undefined || !core.present.has(voter)) return false;
  return progress.lastContactMs >= core.now - core.config.electionTimeoutMs && isVotersState(next, voter, progress);
}
