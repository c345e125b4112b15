import { JOB_STATES } from '../../protocol/job-state.ts';
import type { Calls, JobFunction } from '../functions.ts';
import type { OperationOf } from '../operation.ts';
import { countBelow } from './count-below.ts';
import type { JobClaim } from './job-history.ts';
import type { LeaseClock } from './lease-clock.ts';
import type { Moment, SequentialModel, Span } from './linearizability.ts';
import { IMPOSSIBLE, type LogRows, rowsAfter } from './log-model.ts';

/**
 * One job as a sequential object. The history does not contain the queue's time. Transitions by time alone (a lease ends, a delay ends, an
 * old finished job is removed) may therefore happen before any operation that is late enough.
 */
export interface JobState {
  readonly phase: 'absent' | 'pending' | 'active' | 'completed' | 'failed' | 'removed';
  /** The latest known token; a claim by an unknown worker got a larger one. */
  readonly token: number;
  /** The holder is known, so that its token may extend, begin, complete, fail and release. */
  readonly isHeld: boolean;
  /** Started attempts, without those that stalled or were released. */
  readonly attempt: number;
  /** Active: the processor has started. */
  readonly isBegun: boolean;
  /** How often in a row it was started and its lease ended. */
  readonly stalls: number;
  /** Active: the limits and the holder of its claim; undefined when they are unknown. */
  readonly stalledMax: number | undefined;
  readonly holder: number | undefined;
  /** The earliest time in microseconds at which the lease, or the delay, can have ended. */
  readonly dueUs: number;
  /** Pending, and possibly delayed rather than waiting. */
  readonly mayBeDelayed: boolean;
  /** What its progress says, 0 for none; undefined when it is unknown. */
  readonly progress: number | undefined;
  /** Likewise its data, 0 as they were added. */
  readonly data: number | undefined;
  readonly rows: LogRows;
  /** Claims of unknown outcome that must have taken it. */
  readonly unseenClaims: number;
}

/** Fields of the job that its add shows; unknown ones are undefined. */
export type JobTerms = Partial<
  Pick<
    Calls['add'],
    | 'attemptsMax'
    | 'backoffMs'
    | 'isBackoffExponential'
    | 'keepCompleted'
    | 'keepFailed'
    | 'keepLogs'
    | 'queue'
    | 'hasChildren'
    | 'parentKey'
    | 'deduplicationId'
  >
>;

/** An operation of one job, or on all jobs of a holder. */
export type JobSource = { readonly [F in JobFunction | 'add' | 'releaseHolder']: OperationOf<F> }[JobFunction | 'add' | 'releaseHolder'];

/** An operation on one job. A claim of several jobs is one operation on each of them, and so is the end of all leases of a holder. */
export interface JobOperation extends Span {
  readonly source: JobSource | JobClaim;
}

export const ABSENT: JobState = Object.freeze({
  phase: 'absent',
  token: 0,
  isHeld: false,
  attempt: 0,
  isBegun: false,
  stalls: 0,
  stalledMax: undefined,
  holder: undefined,
  dueUs: 0,
  mayBeDelayed: false,
  progress: 0,
  data: 0,
  rows: '',
  unseenClaims: 0,
});

export interface JobModelOptions {
  readonly terms: JobTerms;
  /** When claims of unknown outcome on the job's queue were invoked: each may have taken the job once. Ascending event indexes. */
  readonly unknownClaimsAt: readonly number[];
  /** The largest `stalledMax` of the claims of unknown outcome. Without it: no limit, a stall never fails the job for certain. */
  readonly anyStalledMax?: number | undefined;
  readonly leases: LeaseClock;
  /** How much earlier than on the history's clock a delay may end. */
  readonly delayErrorUs: number;
  /** Whether attempts and stalls are counted by one rule in the whole history. */
  readonly isCounting: boolean;
}

export class JobModel implements SequentialModel<JobState, JobOperation> {
  readonly initial = ABSENT;
  readonly #options: JobModelOptions;

  constructor(options: JobModelOptions) {
    this.#options = options;
  }

  isTimed({ source }: JobOperation): boolean {
    return !('f' in source && (source.f === 'getJob' || source.f === 'getLogs'));
  }

  keyOf(state: JobState): string {
    return `${keyWithoutClaims(state)}/${state.unseenClaims}`;
  }

  step(state: JobState, operation: JobOperation, moment: Moment): readonly JobState[] {
    return this.reachable(state, moment).flatMap((before) => this.#apply(before, operation, moment));
  }

  /** The state, and all states that time and unseen claims may lead to until the operation's end. */
  reachable(state: JobState, moment: Moment): JobState[] {
    const { terms, unknownClaimsAt } = this.#options;
    const unseenMax = countBelow(unknownClaimsAt, moment.returnedAt);
    const reached = new ReachedStates(state);
    for (let at = 0; at < reached.states.length; at += 1) {
      const from = reached.states[at] as JobState;
      const isDue = this.isDue(from, moment);
      if (from.phase === 'active' && isDue) reached.push(...this.#afterLease(from));
      // A job of a claim whose client ended without the reply: its node releases it, even if a read saw it in the meantime.
      if (from.phase === 'active' && !from.isHeld) reached.push(pending(unbegun(from)));
      if (from.phase === 'pending' && isDue && from.unseenClaims < unseenMax && this.hasAttempts(from))
        reached.push(...takenUnseen(from, 0).map((taken) => ({ ...taken, unseenClaims: from.unseenClaims + 1 })));
      // A duplicate may take the place of a delayed job.
      if (from.phase === 'pending' && from.mayBeDelayed && terms.deduplicationId !== undefined) reached.push(finished(from, 'removed'));
      if (from.phase === 'pending' && terms.hasChildren === true) reached.push(this.#failed(from));
      if (isPresent(from) && from.phase !== 'active' && terms.parentKey !== undefined) reached.push(finished(from, 'removed'));
      if (from.phase === 'completed' && terms.keepCompleted !== -1) reached.push(finished(from, 'removed'));
      if (from.phase === 'failed' && terms.keepFailed !== -1) reached.push(finished(from, 'removed'));
    }
    return reached.states;
  }

  /** The states in which a read may find the job; `absent` means that there is none. */
  visibleStates(state: JobState, moment: Moment): ReadonlySet<string> {
    const visible = new Set<string>();
    for (const { phase, mayBeDelayed } of this.reachable(state, moment)) {
      if (phase === 'pending') visible.add('waiting');
      if (phase === 'pending' && mayBeDelayed) visible.add('delayed');
      if (phase === 'pending' && this.#options.terms.hasChildren === true) visible.add('waiting-children');
      if (phase !== 'pending') visible.add(phase === 'removed' ? 'absent' : phase);
    }
    return visible;
  }

  #apply(state: JobState, { source, invokedAt }: JobOperation, moment: Moment): readonly JobState[] {
    if (!('f' in source)) return this.#claim(state, source, moment);
    const { terms } = this.#options;
    switch (source.f) {
      case 'add': {
        const { delayMs = 0 } = source.call;
        return state.phase === 'absent' ? this.#delayed({ ...ABSENT, phase: 'pending', mayBeDelayed: true }, delayMs, moment) : [];
      }
      case 'begin':
        return isHeldBy(state, source.call.token) ? [begun(state)] : [];
      case 'extend':
        return isHeldBy(state, source.call.token) ? [{ ...state, dueUs: this.#leaseOverUs(moment, source.call.leaseMs) }] : [];
      case 'complete':
        return isHeldBy(state, source.call.token) ? [finished(ended(state), terms.keepCompleted === 0 ? 'removed' : 'completed')] : [];
      case 'fail':
        return isHeldBy(state, source.call.token) ? this.#fail(ended(state), source.call, moment) : [];
      case 'release':
        return isHeldBy(state, source.call.token) ? [pending(unbegun(state))] : [];
      case 'releaseHolder':
        if (state.phase !== 'active' || (state.holder !== undefined && state.holder !== source.call.holder)) return [state];
        return state.holder === undefined ? [state, ...this.#afterLease(state)] : this.#afterLease(state);
      case 'retry':
        return state.phase === 'failed' && this.#isOfQueue(source.call.queue) ? [{ ...pending(state), attempt: 0, stalls: 0 }] : [];
      case 'remove':
      case 'removeAlone':
        if (!this.#isOfQueue(source.call.queue)) return [];
        return ['pending', 'completed', 'failed'].includes(state.phase) ? [finished(state, 'removed')] : [];
      case 'promote':
        return this.#isOfQueue(source.call.queue) ? this.#delayed(state, 0, moment) : [];
      case 'changeDelay':
        return this.#isOfQueue(source.call.queue) ? this.#delayed(state, source.call.delayMs, moment) : [];
      case 'changePriority':
        return state.phase === 'pending' && this.#isOfQueue(source.call.queue) ? [state] : [];
      case 'removeUnprocessed':
      case 'removeDependency':
        return isPresent(state) && this.#isOfQueue(source.call.queue) ? [state] : [];
      case 'updateProgress':
      case 'updateData': {
        const { queue, token, value } = source.call;
        if (!this.#isOfQueue(queue) || !mayChange(state, token)) return [];
        return [source.f === 'updateProgress' ? { ...state, progress: value } : { ...state, data: value }];
      }
      case 'addLog':
      case 'clearLogs':
      case 'getLogs': {
        const token = source.f === 'addLog' ? source.call.token : 0;
        const rows = this.#isOfQueue(source.call.queue) && mayChange(state, token) ? rowsAfter(state.rows, source, terms) : IMPOSSIBLE;
        return rows === IMPOSSIBLE ? [] : [{ ...state, rows }];
      }
      case 'clean':
        return this.#isOfQueue(source.call.queue) && this.#mayBeIn(JOB_STATES[source.call.state], state, moment)
          ? [finished(state, 'removed')]
          : [];
      case 'getJob':
        return source.result === undefined ? [] : this.#read(state, source.result, moment);
      default:
        source satisfies never;
        throw new Error(`an operation without a job at event ${invokedAt}`);
    }
  }

  /** A delayed job gets another delay. */
  #delayed(state: JobState, delayMs: number, moment: Moment): readonly JobState[] {
    if (state.phase !== 'pending' || !state.mayBeDelayed) return [];
    return [{ ...state, mayBeDelayed: delayMs > 0, dueUs: delayMs > 0 ? moment.notBeforeUs + delayMs * 1_000 : 0 }];
  }

  /** Whether the job may be in this state of the queue, which is not active. */
  #mayBeIn(name: string | undefined, state: JobState, moment: Moment): boolean {
    if (name === 'delayed') return state.phase === 'pending' && state.mayBeDelayed;
    if (name === 'waiting') return state.phase === 'pending' && this.isDue(state, moment);
    return (name === 'completed' || name === 'failed') && state.phase === name;
  }

  #claim(state: JobState, { token, attempt, isBegun = true, stalls, operation }: JobClaim, moment: Moment): readonly JobState[] {
    if (state.phase !== 'pending' || token <= state.token || !this.isDue(state, moment)) return [];
    if (this.#options.isCounting) {
      const isStalled = state.stalls > 0;
      if (attempt !== state.attempt + 1 || (isStalled && isBegun) || (stalls ?? state.stalls) !== state.stalls) return [];
    }
    const { leaseMs, stalledMax, holder } = operation.call;
    const held = { ...state, phase: 'active', token, isHeld: true, mayBeDelayed: false, stalledMax, holder } as const;
    const leased = { ...held, dueUs: this.#leaseOverUs(moment, leaseMs) };
    return [isBegun ? begun(leased) : leased];
  }

  #fail(state: JobState, { retry = true, backoff = true }: Calls['fail'], moment: Moment): readonly JobState[] {
    const { attemptsMax } = this.#options.terms;
    const pauseMs = backoff ? this.#pauseMs(state) : 0;
    const again = { ...pending(state), mayBeDelayed: backoff, dueUs: pauseMs > 0 ? moment.notBeforeUs + pauseMs * 1_000 : 0 };
    if (!retry) return [this.#failed(state)];
    if (attemptsMax === undefined || !this.#options.isCounting) return [again, this.#failed(state)];
    return [state.attempt < attemptsMax ? again : this.#failed(state)];
  }

  /** The pause before the next attempt, if it is known. */
  #pauseMs({ attempt }: JobState): number {
    const { backoffMs = 0, isBackoffExponential = false } = this.#options.terms;
    if (!this.#options.isCounting) return 0;
    return Math.min(PAUSE_MS_MAX, isBackoffExponential ? backoffMs * 2 ** (attempt - 1) : backoffMs);
  }

  /** The state after a lease ends: before the begin nothing is counted, afterwards it is a stall, not an attempt. */
  #afterLease(state: JobState): JobState[] {
    const back = pending(unbegun(state));
    if (!this.#options.isCounting) return [back, this.#failed(back)];
    if (!state.isBegun) return [back];
    const stalled = { ...back, stalls: state.stalls + 1 };
    const { stalledMax } = state;
    const { anyStalledMax = Number.POSITIVE_INFINITY } = this.#options;
    if (stalledMax === undefined) return stalled.stalls > anyStalledMax ? [this.#failed(stalled)] : [stalled, this.#failed(stalled)];
    return [stalled.stalls > stalledMax ? this.#failed(stalled) : stalled];
  }

  #failed(state: JobState): JobState {
    return finished(state, this.#options.terms.keepFailed === 0 ? 'removed' : 'failed');
  }

  #leaseOverUs({ notBeforeUs }: Moment, leaseMs: number): number {
    return this.#options.leases.overUs(notBeforeUs, leaseMs);
  }

  #isOfQueue(queue: string | undefined): boolean {
    return queue === undefined || (this.#options.terms.queue ?? queue) === queue;
  }

  /** Whether the lease, or the delay, can have ended by then. */
  isDue({ phase, dueUs }: JobState, { returnedUs }: Moment): boolean {
    const { leases, delayErrorUs } = this.#options;
    return dueUs <= returnedUs + (phase === 'active' ? leases.errorUs : delayErrorUs);
  }

  hasAttempts({ attempt }: JobState): boolean {
    return !this.#options.isCounting || attempt < (this.#options.terms.attemptsMax ?? Number.POSITIVE_INFINITY);
  }

  /** A read changes nothing, but may show more of a state than was known. */
  #read(state: JobState, read: NonNullable<OperationOf<'getJob'>['result']>, moment: Moment): readonly JobState[] {
    if (read.state === 'waiting' && !this.isDue(state, moment)) return [];
    const { attempt = state.attempt, stalls = state.stalls, progress = state.progress, data = state.data } = read;
    const isProgressShown = state.progress === undefined || progress === state.progress;
    if (read.state !== null && !(isProgressShown && (state.data === undefined || data === state.data))) return [];
    if (read.state !== null && this.#options.isCounting && (attempt !== state.attempt || stalls !== state.stalls)) return [];
    if (read.state === 'waiting-children') return state.phase === 'pending' && this.#options.terms.hasChildren === true ? [state] : [];
    return readStates(state, read);
  }
}

/** Longer pauses are not certain to be longer. */
const PAUSE_MS_MAX = 3_600_000;

/**
 * Distinct states: of those that differ only in the number of unseen claims, the one with the fewest, which allows all that the others
 * allow.
 */
class ReachedStates {
  readonly states: JobState[] = [];
  readonly #fewest = new Map<string, number>();

  constructor(first: JobState) {
    this.push(first);
  }

  push(...states: readonly JobState[]): void {
    for (const state of states) {
      const { unseenClaims } = state;
      const key = keyWithoutClaims(state);
      if (unseenClaims >= (this.#fewest.get(key) ?? Number.POSITIVE_INFINITY)) continue;
      this.#fewest.set(key, unseenClaims);
      this.states.push(state);
    }
  }
}

function keyWithoutClaims(state: JobState): string {
  const { phase, token, isHeld, attempt, isBegun, stalls, stalledMax, holder, dueUs, mayBeDelayed, progress, data, rows } = state;
  return `${phase}/${token}/${isHeld}/${attempt}/${isBegun}/${stalls}/${stalledMax}/${holder}/${dueUs}/${mayBeDelayed}/${progress}/${data}/${rows}`;
}

/** The job under the lease of an unknown client: started or claimed ahead. */
export function takenUnseen(state: JobState, dueUs: number): JobState[] {
  const taken: JobState = {
    ...state,
    phase: 'active',
    isHeld: false,
    stalledMax: undefined,
    holder: undefined,
    dueUs,
    mayBeDelayed: false,
  };
  return state.stalls > 0 ? [taken] : [taken, begun(taken)];
}

/** Idempotent. */
const begun = (state: JobState): JobState => (state.isBegun ? state : { ...state, isBegun: true, attempt: state.attempt + 1 });

const unbegun = (state: JobState): JobState => (state.isBegun ? { ...state, isBegun: false, attempt: state.attempt - 1 } : state);

/** The processor ended the attempt. */
const ended = (state: JobState): JobState => ({ ...begun(state), stalls: 0 });

const inactive = { isHeld: false, isBegun: false, stalledMax: undefined, holder: undefined, dueUs: 0, mayBeDelayed: false } as const;

const pending = (state: JobState): JobState => ({ ...state, ...inactive, phase: 'pending' });

const finished = (state: JobState, phase: 'completed' | 'failed' | 'removed'): JobState => ({ ...state, ...inactive, phase });

const isHeldBy = (state: JobState, token: number): boolean => state.phase === 'active' && state.isHeld && state.token === token;

const isPresent = ({ phase }: JobState): boolean => phase !== 'absent' && phase !== 'removed';

/** Whether a command may change what the job carries. @param token 0 without a lease. */
const mayChange = (state: JobState, token: number): boolean => isPresent(state) && (token === 0 || isHeldBy(state, token));

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
