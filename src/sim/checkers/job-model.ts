import type { Calls } from '../history/history.ts';
import type { HistoryOperation, OperationOf } from '../history/operation.ts';
import { countBelow } from './count-below.ts';
import type { JobClaim } from './job-history.ts';
import type { Moment, SequentialModel, Span } from './linearizability.ts';

/**
 * One job as a sequential object. The queue's time is not in the history, so that what happens by time alone (a lease ends, a delay ends, an old finished
 * job goes) may happen before any operation that is late enough for it.
 */
export interface JobState {
  readonly phase: 'absent' | 'pending' | 'active' | 'completed' | 'failed' | 'removed';
  /** The latest token that is known; a claim by nobody knows whom took a larger one. */
  readonly token: number;
  /** The holder is known, so that its token may extend, complete, fail and release. */
  readonly isHeld: boolean;
  /** Attempts begun. */
  readonly attempt: number;
  /** The earliest time in microseconds at which the lease, or the delay, can have ended. */
  readonly dueUs: number;
  /** Pending, and perhaps delayed rather than waiting. */
  readonly mayBeDelayed: boolean;
  /** Claims of unknown outcome that must have taken it. */
  readonly unseenClaims: number;
}

/** What may be known of the job from its add; what is not known is undefined. */
export type JobTerms = Partial<Pick<Calls['add'], 'attemptsMax' | 'keepCompleted' | 'keepFailed'>>;

/** An operation on one job. A claim that brought several jobs is one operation on each of them. */
export interface JobOperation extends Span {
  readonly source: Exclude<HistoryOperation, OperationOf<'claim'> | OperationOf<'counts'>> | JobClaim;
}

export const ABSENT: JobState = Object.freeze({
  phase: 'absent',
  token: 0,
  isHeld: false,
  attempt: 0,
  dueUs: 0,
  mayBeDelayed: false,
  unseenClaims: 0,
});

export interface JobModelOptions {
  readonly terms: JobTerms;
  /** When claims of unknown outcome on the job's queue were invoked: each may have taken the job once. Ascending event indexes. */
  readonly unknownClaimsAt: readonly number[];
  /** How much the clocks behind the leases may differ from the history's. */
  readonly clockErrorUs: number;
}

export class JobModel implements SequentialModel<JobState, JobOperation> {
  readonly initial = ABSENT;
  readonly #terms: JobTerms;
  readonly #unknownClaimsAt: readonly number[];
  readonly #clockErrorUs: number;

  constructor({ terms, unknownClaimsAt, clockErrorUs }: JobModelOptions) {
    this.#terms = terms;
    this.#unknownClaimsAt = unknownClaimsAt;
    this.#clockErrorUs = clockErrorUs;
  }

  keyOf({ phase, token, isHeld, attempt, dueUs, mayBeDelayed, unseenClaims }: JobState): string {
    return `${phase}/${token}/${isHeld}/${attempt}/${dueUs}/${mayBeDelayed}/${unseenClaims}`;
  }

  step(state: JobState, operation: JobOperation, moment: Moment): readonly JobState[] {
    return this.reachable(state, moment).flatMap((before) => this.#apply(before, operation, moment));
  }

  /** The state and all that time and unseen claims may make of it until the operation's end. */
  reachable(state: JobState, moment: Moment): JobState[] {
    const unseenMax = countBelow(this.#unknownClaimsAt, moment.returnedAt);
    const reached = [state];
    for (let at = 0; at < reached.length; at += 1) {
      const from = reached[at] as JobState;
      const isDue = this.isDue(from, moment);
      // A lease that ended is a stall, and no attempt; too many of them are a failure.
      if (from.phase === 'active' && isDue) reached.push({ ...pending(from), attempt: from.attempt - 1 }, this.#failed(from));
      if (from.phase === 'pending' && isDue && from.unseenClaims < unseenMax && this.hasAttempts(from)) {
        const taken = { attempt: from.attempt + 1, unseenClaims: from.unseenClaims + 1 };
        reached.push({ ...from, ...taken, phase: 'active', isHeld: false, dueUs: 0, mayBeDelayed: false });
      }
      if (from.phase === 'completed' && this.#terms.keepCompleted !== -1) reached.push(finished(from, 'removed'));
      if (from.phase === 'failed' && this.#terms.keepFailed !== -1) reached.push(finished(from, 'removed'));
    }
    return reached;
  }

  /** In which states a read may find the job; `absent` stands for none. */
  visibleStates(state: JobState, moment: Moment): ReadonlySet<string> {
    const visible = new Set<string>();
    for (const { phase, mayBeDelayed } of this.reachable(state, moment)) {
      if (phase === 'pending') visible.add('waiting');
      if (phase === 'pending' && mayBeDelayed) visible.add('delayed');
      if (phase !== 'pending') visible.add(phase === 'removed' ? 'absent' : phase);
    }
    return visible;
  }

  #apply(state: JobState, { source, invokedAt }: JobOperation, moment: Moment): readonly JobState[] {
    if (!('f' in source)) return this.#claim(state, source, moment);
    switch (source.f) {
      case 'add': {
        const { delayMs = 0 } = source.call;
        if (state.phase !== 'absent') return [];
        return [{ ...ABSENT, phase: 'pending', mayBeDelayed: delayMs > 0, dueUs: delayMs > 0 ? moment.notBeforeUs + delayMs * 1_000 : 0 }];
      }
      case 'extend':
        return isHeldBy(state, source.call.token) ? [{ ...state, dueUs: moment.notBeforeUs + source.call.leaseMs * 1_000 }] : [];
      case 'complete':
        return isHeldBy(state, source.call.token) ? [finished(state, this.#terms.keepCompleted === 0 ? 'removed' : 'completed')] : [];
      case 'fail':
        return isHeldBy(state, source.call.token) ? this.#fail(state, source.call) : [];
      case 'release':
        return isHeldBy(state, source.call.token) ? [{ ...pending(state), attempt: state.attempt - 1 }] : [];
      case 'redrive':
        return state.phase === 'failed' ? [{ ...pending(state), attempt: 0 }] : [];
      case 'remove':
        return ['pending', 'completed', 'failed'].includes(state.phase) ? [finished(state, 'removed')] : [];
      case 'getJob':
        return source.result === undefined ? [] : readStates(state, source.result);
      default:
        source satisfies never;
        throw new Error(`an operation that is no job's at event ${invokedAt}`);
    }
  }

  #claim(state: JobState, { token, attempt, operation }: JobClaim, moment: Moment): readonly JobState[] {
    if (state.phase !== 'pending' || token <= state.token || attempt !== state.attempt + 1) return [];
    if (!this.isDue(state, moment)) return [];
    const dueUs = moment.notBeforeUs + operation.call.leaseMs * 1_000;
    return [{ ...state, phase: 'active', token, attempt, isHeld: true, dueUs, mayBeDelayed: false }];
  }

  #fail(state: JobState, { retry = true, backoff = true }: Calls['fail']): readonly JobState[] {
    if (!retry) return [this.#failed(state)];
    return this.#afterAttempt(state).map((next) => (next.phase === 'pending' && backoff ? { ...next, mayBeDelayed: true } : next));
  }

  /** What becomes of a job whose attempt did not succeed. */
  #afterAttempt(state: JobState): JobState[] {
    const { attemptsMax } = this.#terms;
    if (attemptsMax === undefined) return [pending(state), this.#failed(state)];
    return [state.attempt < attemptsMax ? pending(state) : this.#failed(state)];
  }

  #failed(state: JobState): JobState {
    return finished(state, this.#terms.keepFailed === 0 ? 'removed' : 'failed');
  }

  /** Whether the lease, or the delay, can have ended by then. */
  isDue({ dueUs }: JobState, { returnedUs }: Moment): boolean {
    return dueUs <= returnedUs + this.#clockErrorUs;
  }

  hasAttempts({ attempt }: JobState): boolean {
    return attempt < (this.#terms.attemptsMax ?? Number.POSITIVE_INFINITY);
  }
}

const pending = (state: JobState): JobState => ({ ...state, phase: 'pending', isHeld: false, dueUs: 0, mayBeDelayed: false });

const finished = (state: JobState, phase: 'completed' | 'failed' | 'removed'): JobState => ({
  ...state,
  phase,
  isHeld: false,
  dueUs: 0,
  mayBeDelayed: false,
});

const isHeldBy = (state: JobState, token: number): boolean => state.phase === 'active' && state.isHeld && state.token === token;

/** A read changes nothing, but may tell more of a state than was known. */
function readStates(state: JobState, read: NonNullable<OperationOf<'getJob'>['result']>): readonly JobState[] {
  switch (read.state) {
    case null:
      return state.phase === 'absent' || state.phase === 'removed' ? [state] : [];
    case 'waiting':
      return state.phase === 'pending' ? [{ ...state, mayBeDelayed: false, dueUs: 0 }] : [];
    case 'delayed':
      return state.phase === 'pending' && state.mayBeDelayed ? [state] : [];
    case 'active': {
      const { token = 0 } = read;
      if (state.phase !== 'active') return [];
      if (token === 0 || (state.isHeld && token === state.token)) return [state];
      return !state.isHeld && token >= state.token ? [{ ...state, token }] : [];
    }
    case 'completed':
    case 'failed':
      return state.phase === read.state ? [state] : [];
    default:
      return [];
  }
}
