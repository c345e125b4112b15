import type { NodeId } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import type { Rejection } from './effects.ts';
import type { Configuration } from './entry.ts';
import { hasSameMembers, isVotersState } from './membership.ts';
import type { PendingStep } from './pending-step.ts';
import { distinct, voteResult } from './quorum.ts';
import { beginRound } from './reads.ts';
import { sendHeartbeat } from './replication.ts';

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
export function stepRejection(core: CoreState, next: Configuration, request: StepRequest): Rejection | undefined {
  const voters = distinct([...next.outgoing, ...next.voters]);
  const isAvailable = (voter: NodeId): boolean => voter === core.id || isPresent(core, next, voter);
  if (voteResult(next, isAvailable) !== 'won') {
    if (request === 'none') dropExpiredStep(core);
    return { reason: 'too-few-voters', present: voters.filter(isAvailable), voters };
  }
  const asked = pendingStepFor(core, next, request);
  if (asked === undefined) return { reason: 'voters-asked', voters };
  const hasReplied = (voter: NodeId): boolean =>
    voter === core.id || (isAvailable(voter) && (core.progress.get(voter)?.round ?? 0) >= asked.round);
  if (voteResult(next, hasReplied) === 'won') return undefined;
  if (asked.isRequested && isOld(core, asked)) return { reason: 'too-few-voters', present: voters.filter(hasReplied), voters };
  return { reason: 'voters-asked', voters };
}

/** No request waits for the voters' replies any more. */
export function dropRequest(core: CoreState): void {
  if (core.askedStep?.isRequested === true) core.askedStep = undefined;
}

/** No joining node may be promoted any more: earlier replies of voters do not prove anything for a later step. */
export function dropStep(core: CoreState): void {
  if (core.askedStep?.isRequested === false) core.askedStep = undefined;
}

/** Voters may be silent for a while, and reply then. */
function dropExpiredStep(core: CoreState): void {
  if (core.askedStep !== undefined && isOld(core, core.askedStep)) dropStep(core);
}

/** The pending step, or a new one; undefined while another one must be decided first. */
function pendingStepFor(core: CoreState, next: Configuration, request: StepRequest): PendingStep | undefined {
  const { askedStep } = core;
  if (askedStep !== undefined && request !== 'new') {
    if (hasSameMembers(askedStep.next, next)) return askedStep;
    if (askedStep.isRequested && request === 'none') return undefined;
  }
  beginRound(core);
  for (const [peer, progress] of core.progress) sendHeartbeat(core, peer, progress);
  const asked = { next, isRequested: request !== 'none', round: core.reads.current, sinceMs: core.now };
  core.askedStep = asked;
  return asked;
}

const isOld = ({ now, config }: CoreState, { sinceMs }: PendingStep): boolean => now > sinceMs + REPLY_TIMEOUTS * config.electionTimeoutMs;

/**
 * Whether a message of the voter arrived within an election timeout and since its channel last closed, from the disk that it votes with.
 */
function isPresent(core: CoreState, next: Configuration, voter: NodeId): boolean {
  const progress = core.progress.get(voter);
  if (progress === undefined || !core.present.has(voter)) return false;
  return progress.lastContactMs >= core.now - core.config.electionTimeoutMs && isVotersState(next, voter, progress);
}
