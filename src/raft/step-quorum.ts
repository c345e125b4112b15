import type { NodeId } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import type { Rejection } from './effects.ts';
import type { Configuration } from './entry.ts';
import { hasSameMembers, isVotersState } from './membership.ts';
import { distinct, voteResult } from './quorum.ts';
import { beginRound } from './reads.ts';
import { sendHeartbeat } from './replication.ts';

/**
 * - `new`: a request that just came; what voters answered before it is no proof for it
 * - `repeated`: one that waits until it is decided. Meanwhile no step is asked for that follows by itself
 * - `none`: the step follows by itself from the change that is under way
 */
export type StepRequest = 'new' | 'repeated' | 'none';

/** A step of a change of members for which a leader asked the voters whether they are there. */
export interface PendingStep {
  readonly next: Configuration;
  readonly isRequested: boolean;
  /** The round of heartbeats that began with the question. */
  readonly round: number;
  /** When it began, monotonic ms. */
  readonly sinceMs: number;
}

/** The voters have so many election timeouts for their replies to a request. Where heartbeats queue up behind entries, a reply takes longer than one. */
const ANSWER_TIMEOUTS = 6;

/**
 * Whether majorities of the voters before and after a step are there, each with the disk that it votes with, so that it and what follows can be
 * committed. A disk that was lost does not come back: if the new configuration needed it, nothing could be committed any more, and no leader elected.
 * What was heard before is no proof, since a voter whose disk was lost may not have been missed yet. So the first call for a step begins a round of
 * heartbeats, and enough voters have to reply to it, or a later one, and to have been heard within an election timeout. Who asks calls again until then.
 * @returns why the step may not be taken, or not yet; undefined when it may, now.
 */
export function stepRejection(core: CoreState, next: Configuration, request: StepRequest): Rejection | undefined {
  const voters = distinct([...next.outgoing, ...next.voters]);
  const isHeard = (voter: NodeId): boolean => voter === core.id || isPresent(core, next, voter);
  if (voteResult(next, isHeard) !== 'won') {
    if (request === 'none') dropExpiredStep(core);
    return { reason: 'too-few-voters', present: voters.filter(isHeard), voters };
  }
  const asked = pendingStepFor(core, next, request);
  if (asked === undefined) return { reason: 'voters-asked', voters };
  const hasReplied = (voter: NodeId): boolean =>
    voter === core.id || (isHeard(voter) && (core.progress.get(voter)?.round ?? 0) >= asked.round);
  if (voteResult(next, hasReplied) === 'won') return undefined;
  if (asked.isRequested && isOld(core, asked)) return { reason: 'too-few-voters', present: voters.filter(hasReplied), voters };
  return { reason: 'voters-asked', voters };
}

/** No one waits any more until the voters have answered to a request. */
export function dropRequest(core: CoreState): void {
  if (core.askedStep?.isRequested === true) core.askedStep = undefined;
}

/** No joining node may vote any more: what voters answered before is no proof for a later step. */
export function dropStep(core: CoreState): void {
  if (core.askedStep?.isRequested === false) core.askedStep = undefined;
}

/** Voters may be silent for a while, and reply then. */
function dropExpiredStep(core: CoreState): void {
  if (core.askedStep !== undefined && isOld(core, core.askedStep)) dropStep(core);
}

/** The question at hand, or a new one; undefined while another one is to be decided first. */
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

const isOld = ({ now, config }: CoreState, { sinceMs }: PendingStep): boolean => now > sinceMs + ANSWER_TIMEOUTS * config.electionTimeoutMs;

/** Whether it was heard within an election timeout and since its channel last closed, and shows the disk that it votes with. */
function isPresent(core: CoreState, next: Configuration, voter: NodeId): boolean {
  const progress = core.progress.get(voter);
  if (progress === undefined || !core.present.has(voter)) return false;
  return progress.lastContactMs >= core.now - core.config.electionTimeoutMs && isVotersState(next, voter, progress);
}
