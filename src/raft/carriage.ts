import type { NodeId } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import type { Refusal } from './effects.ts';
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
export interface AskedStep {
  readonly next: Configuration;
  readonly isRequested: boolean;
  /** The round of heartbeats that began after the step was wanted. */
  readonly round: number;
  /** When that was, monotonic ms. */
  readonly sinceMs: number;
}

/** How many election timeouts the voters have for their answers to a request: a heartbeat may be longer on its way than a leader waits for the next. */
const ANSWER_TIMEOUTS = 4;
/** After so many, nobody repeats the request any more. */
const ABANDONED_TIMEOUTS = 5;

/**
 * Whether majorities of the voters before and after a step are there, each with the disk that it votes with, so that it and what follows can be
 * committed. A disk that was lost does not come back: if the new configuration needed it, nothing could be committed any more, and no leader elected.
 * What was heard before is no proof, since a voter whose disk was lost may not have been missed yet. So a question begins a round of heartbeats, and
 * enough voters have to answer it, or a later one, and not to be silent since. Who asks repeats the question until then.
 * @returns why the step may not be taken, or not yet; undefined when it may.
 */
export function carriageRefusal(core: CoreState, next: Configuration, request: StepRequest): Refusal | undefined {
  const voters = distinct([...next.outgoing, ...next.voters]);
  const isHeard = (voter: NodeId): boolean => voter === core.id || isPresent(core, next, voter);
  if (voteResult(next, isHeard) !== 'won') return tooFew(core, next, voters, isHeard);
  const asked = questionFor(core, next, request);
  if (asked === undefined) return { reason: 'voters-asked', voters };
  const hasAnswered = (voter: NodeId): boolean =>
    voter === core.id || (isHeard(voter) && (core.progress.get(voter)?.round ?? 0) >= asked.round);
  if (voteResult(next, hasAnswered) === 'won') return undefined;
  if (asked.isRequested && isOlder(core, asked, ANSWER_TIMEOUTS)) return tooFew(core, next, voters, hasAnswered);
  return { reason: 'voters-asked', voters };
}

/** Someone waits for a change of members until voters have answered. */
export const isChangeAsked = (core: CoreState): boolean =>
  core.askedStep?.isRequested === true && !isOlder(core, core.askedStep, ABANDONED_TIMEOUTS);

/** No step follows by itself any more from the change that is under way, as far as one was asked for: what voters answered is no proof for a later one. */
export function withdrawStep(core: CoreState): void {
  if (core.askedStep?.isRequested === false) core.askedStep = undefined;
}

/** The question at hand, or a new one; undefined while another one is to be decided first. */
function questionFor(core: CoreState, next: Configuration, request: StepRequest): AskedStep | undefined {
  if (request !== 'new') {
    if (isAskedFor(core, next)) return core.askedStep;
    if (request === 'none' && isChangeAsked(core)) return undefined;
  }
  beginRound(core);
  for (const [peer, progress] of core.progress) sendHeartbeat(core, peer, progress);
  const asked = { next, isRequested: request !== 'none', round: core.reads.current, sinceMs: core.now };
  core.askedStep = asked;
  return asked;
}

/** The question is over. */
function tooFew(core: CoreState, next: Configuration, voters: readonly NodeId[], isThere: (voter: NodeId) => boolean): Refusal {
  if (isAskedFor(core, next)) core.askedStep = undefined;
  return { reason: 'too-few-voters', present: voters.filter(isThere), voters };
}

const isAskedFor = ({ askedStep }: CoreState, next: Configuration): boolean =>
  askedStep !== undefined && hasSameMembers(askedStep.next, next);

const isOlder = ({ now, config }: CoreState, { sinceMs }: AskedStep, timeouts: number): boolean =>
  now > sinceMs + timeouts * config.electionTimeoutMs;

/** Whether it was heard within an election timeout and since its channel last closed, and shows the disk that it votes with. */
function isPresent(core: CoreState, next: Configuration, voter: NodeId): boolean {
  const progress = core.progress.get(voter);
  if (progress === undefined || !core.present.has(voter)) return false;
  return progress.lastHeardMs >= core.now - core.config.electionTimeoutMs && isVotersState(next, voter, progress);
}
