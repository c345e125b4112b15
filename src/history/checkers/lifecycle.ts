import { type HistoryOperation, isBefore, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { addOf, type JobClaim, type JobHistory, jobHistoriesOf, possibleAddsOf } from './job-history.ts';
import type { LeaseClock } from './lease-clock.ts';
import { Problems, type Verdict } from './verdict.ts';

/** Commands of a job's holder, under its token. */
type HolderOperation = OperationOf<'begin'> | OperationOf<'extend'> | Update | HolderEnd;
type Update = OperationOf<'updateProgress'> | OperationOf<'updateData'> | OperationOf<'addLog'>;
type HolderEnd = OperationOf<'complete'> | OperationOf<'fail'> | OperationOf<'release'>;

export interface LifecycleOptions {
  readonly leases: LeaseClock;
  /** Whether attempts and stalls are counted by one rule in the whole history. */
  readonly isCounting: boolean;
}

/**
 * Guarantees of the fencing token, job by job: tokens grow at every claim, only the current one counts, it ends once, no claim returns a
 * job under a live lease, attempts and stalls are counted, and the holder of a live lease is not rejected.
 */
export function checkLifecycle(operations: readonly HistoryOperation[], options: LifecycleOptions): Verdict {
  const problems = new Problems();
  const claims = operations.filter(isFunction('claim'));
  checkTokensGrow(claims, problems);
  if (options.isCounting) for (const claim of claims) checkBegun(claim, problems);
  const unknownClaims = claims.filter(({ outcome }) => outcome === 'info');
  for (const job of jobHistoriesOf(operations).values()) new JobCheck(job, unknownClaims, options, problems).run();
  return problems.verdict('lifecycle', operations.length);
}

/** A claim starts those of its jobs that never stalled, in their order, up to the number that it asks for, and no others. */
function checkBegun(claim: OperationOf<'claim'>, problems: Problems): void {
  const { beginMax = Number.POSITIVE_INFINITY } = claim.call;
  let begun = 0;
  for (const { job, isBegun = true, stalls = 0 } of claim.result?.jobs ?? []) {
    const mayBegin = stalls === 0 && begun < beginMax;
    if (isBegun) begun += 1;
    if (isBegun === mayBegin) continue;
    const why = stalls > 0 ? `it stalled ${stalls} times` : `job ${begun} of ${beginMax} to begin`;
    problems.add(`job ${job} was ${isBegun ? 'begun' : 'not begun'} by its claim (${why})`, claim);
  }
}

/** Over all jobs: no token twice, and none smaller than an earlier one. */
function checkTokensGrow(claims: readonly OperationOf<'claim'>[], problems: Problems): void {
  const given = claims.flatMap((operation) => (operation.result?.jobs ?? []).map((job) => ({ ...job, operation })));
  given.sort((a, b) => b.token - a.token);
  let earliest: JobClaim | undefined;
  let previous: JobClaim | undefined;
  for (const claim of given) {
    if (previous?.token === claim.token)
      problems.add(
        `token ${claim.token} was given out for job ${previous.job} and for job ${claim.job}`,
        claim.operation,
        previous.operation,
      );
    if (earliest !== undefined && isBefore(earliest.operation, claim.operation))
      problems.add(`token ${earliest.token} was given out before the smaller token ${claim.token}`, earliest.operation, claim.operation);
    if (earliest === undefined || claim.operation.returnedAt < earliest.operation.returnedAt) earliest = claim;
    previous = claim;
  }
}

class JobCheck {
  readonly #job: JobHistory;
  readonly #claims: readonly JobClaim[];
  readonly #unknownClaims: readonly OperationOf<'claim'>[];
  readonly #options: LifecycleOptions;
  readonly #problems: Problems;

  constructor(job: JobHistory, unknownClaims: readonly OperationOf<'claim'>[], options: LifecycleOptions, problems: Problems) {
    this.#job = job;
    this.#claims = [...job.claims].sort((a, b) => a.token - b.token);
    this.#unknownClaims = unknownClaims;
    this.#options = options;
    this.#problems = problems;
  }

  run(): void {
    const { begins, extends: extensions, completes, fails, releases, changes } = this.#job;
    const updates = changes.filter((change): change is Update => 'token' in change.call && change.call.token !== 0);
    for (const operation of [...begins, ...extensions, ...updates, ...completes, ...fails, ...releases]) {
      if (operation.outcome === 'ok') this.#checkAccepted(operation);
      else if (operation.error === 'LEASE_LOST') this.#checkRejected(operation);
    }
    this.#checkEndsOnce([...completes, ...fails, ...releases].filter(({ outcome }) => outcome === 'ok'));
    this.#checkNothingAfterTheEnd();
    this.#claims.forEach((claim, at) => {
      const previous = this.#claims[at - 1];
      if (this.#options.isCounting) this.#checkCounts(claim, previous);
      if (previous !== undefined) this.#checkLeaseOver(previous, claim);
    });
    this.#checkBirth();
    this.#checkQueue();
  }

  /** Accepted only with a token that was issued, and that was the current one. */
  #checkAccepted(operation: HolderOperation): void {
    const { job, token } = operation.call;
    const claim = this.#claims.find((given) => given.token === token);
    if (claim === undefined) {
      this.#problems.add(`token ${token} of job ${job} was accepted and never given out`, operation);
      return;
    }
    const later = this.#claims.find((given) => given.token > token && isBefore(given.operation, operation));
    if (later !== undefined)
      this.#problems.add(
        `stale token ${token} of job ${job} was accepted after token ${later.token} was given out`,
        later.operation,
        operation,
      );
  }

  /** A token ends with one complete, fail or release, and is not extended after it. */
  #checkEndsOnce(ends: readonly HolderEnd[]): void {
    const byToken = new Map<number, HolderEnd>();
    for (const end of ends) {
      const other = byToken.get(end.call.token);
      if (other !== undefined) this.#problems.add(`token ${end.call.token} of job ${end.call.job} ended twice`, other, end);
      byToken.set(end.call.token, end);
    }
    for (const later of [...this.#job.begins, ...this.#job.extends]) {
      const end = byToken.get(later.call.token);
      if (later.outcome === 'ok' && end !== undefined && isBefore(end, later))
        this.#problems.add(
          `the lease of job ${later.call.job} was ${later.f === 'extend' ? 'extended' : 'begun'} after it had ended`,
          end,
          later,
        );
    }
  }

  /** No claim returns a completed or removed job; ids and completions are final. */
  #checkNothingAfterTheEnd(): void {
    for (const complete of this.#job.completes) {
      const later = this.#claims.find(({ token }) => token > complete.call.token);
      if (complete.outcome === 'ok' && later !== undefined)
        this.#problems.add(`job ${this.#job.id} was claimed (token ${later.token}) after its completion`, complete, later.operation);
    }
    for (const remove of this.#job.removes) {
      const later = this.#claims.find(({ operation }) => isBefore(remove, operation));
      if (remove.outcome === 'ok' && later !== undefined)
        this.#problems.add(`job ${this.#job.id} was claimed after it was removed`, remove, later.operation);
    }
  }

  /** An attempt counts when its processor ended it. A lease that ends after the begin is a stall; too many in a row fail the job. */
  #checkCounts(claim: JobClaim, previous: JobClaim | undefined): void {
    const { attempt, operation, token, stalls } = claim;
    const { id } = this.#job;
    const attemptsMax = addOf(this.#job)?.call.attemptsMax;
    if (attempt < 1 || (attemptsMax !== undefined && attempt > attemptsMax))
      this.#problems.add(`job ${id} is at attempt ${attempt} of ${attemptsMax ?? 'unknown'}`, operation);
    // A retry resets the count.
    if (this.#job.retries.some(mayHaveApplied)) return;
    const before = previous ?? { attempt: 1, stalls: 0 };
    const fails = previous === undefined ? [] : this.#endsOf(previous).filter(isFailure);
    const isFailed = fails.some(({ outcome }) => outcome === 'ok');
    if (attempt < before.attempt + (isFailed ? 1 : 0) || attempt > before.attempt + (fails.length > 0 ? 1 : 0))
      this.#problems.add(`job ${id} went from attempt ${before.attempt} to attempt ${attempt} (token ${token})`, ...both(previous, claim));
    if (stalls === undefined || before.stalls === undefined) return;
    const stalled = previous === undefined ? NOT_STALLED : this.#stallsOf(previous);
    const stallsMin = fails.length > 0 ? 0 : before.stalls + (stalled.isSure ? 1 : 0);
    const stallsMax = (isFailed ? 0 : before.stalls + (stalled.isPossible ? 1 : 0)) + this.#unseenBefore(operation);
    if (stalls < stallsMin || stalls > stallsMax)
      this.#problems.add(`job ${id} went from ${before.stalls} to ${stalls} stalls (token ${token})`, ...both(previous, claim));
    const { stalledMax } = previous?.operation.call ?? {};
    if (stalled.isSure && stalledMax !== undefined && before.stalls + 1 > stalledMax)
      this.#problems.add(
        `job ${id} was claimed after ${before.stalls + 1} stalls, and ${stalledMax} were allowed`,
        ...both(previous, claim),
      );
  }

  /** Whether the lease of a claim that another one followed ended after the begin, without a command of its holder. */
  #stallsOf(claim: JobClaim): { readonly isSure: boolean; readonly isPossible: boolean } {
    const begins = this.#job.begins.filter((begin) => mayHaveApplied(begin) && begin.call.token === claim.token);
    const isBegun = claim.isBegun ?? true;
    const isPossible = (isBegun || begins.length > 0) && this.#endsOf(claim).every(({ outcome }) => outcome !== 'ok');
    const isSure = (isBegun || begins.some(({ outcome }) => outcome === 'ok')) && this.#endsOf(claim).length === 0;
    return { isSure, isPossible };
  }

  /** Claims of unknown outcome that may have taken the job before. */
  #unseenBefore({ call, returnedAt }: OperationOf<'claim'>): number {
    return this.#unknownClaims.filter((claim) => claim.call.queue === call.queue && claim.invokedAt < returnedAt).length;
  }

  /** Commands with which the holder may have ended the claim. */
  #endsOf({ token }: JobClaim): HolderEnd[] {
    const { completes, fails, releases } = this.#job;
    return [...completes, ...fails, ...releases].filter((end) => mayHaveApplied(end) && end.call.token === token);
  }

  /** Whether all leases of its holder may have been ended. */
  #mayBeGone({ operation }: JobClaim): boolean {
    const { holder } = operation.call;
    return this.#job.holderReleases.some((one) => one.call.holder === holder && mayHaveApplied(one) && !isBefore(one, operation));
  }

  /** Unless its holder ends it, a lease ends when its duration is over. */
  #checkLeaseOver(held: JobClaim, next: JobClaim): void {
    if (this.#endsOf(held).length > 0 || this.#mayBeGone(held)) return;
    const overUs = this.#leaseOverUs(held);
    if (next.operation.returnedUs + this.#options.leases.errorUs >= overUs) return;
    const missingMs = Math.ceil((overUs - next.operation.returnedUs) / 1_000);
    this.#problems.add(
      `job ${this.#job.id} was claimed again ${missingMs} ms before the lease of token ${held.token} was over`,
      ...both(held, next),
    );
  }

  /** The earliest time at which the lease can have ended: that of the operation that may have set it last. */
  #leaseOverUs(held: JobClaim): number {
    const extensions = this.#job.extends.filter((extension) => mayHaveApplied(extension) && extension.call.token === held.token);
    const settings: readonly (OperationOf<'claim'> | OperationOf<'extend'>)[] = [held.operation, ...extensions];
    const mayBeLast = settings.filter((setting) => !extensions.some((other) => other.outcome === 'ok' && isBefore(setting, other)));
    return Math.min(...mayBeLast.map(({ invokedUs, call }) => this.#options.leases.overUs(invokedUs, call.leaseMs)));
  }

  /** The holder of a live lease does not get LEASE_LOST. */
  #checkRejected(operation: HolderOperation): void {
    const { token } = operation.call;
    const claim = this.#claims.find((given) => given.token === token);
    if (claim === undefined || !isBefore(claim.operation, operation) || this.#mayBeGone(claim)) return;
    if (this.#endsOf(claim).some((end) => end !== operation)) return;
    if (operation.returnedUs + this.#options.leases.errorUs >= this.#leaseOverUs(claim)) return;
    this.#problems.add(
      `the holder of job ${this.#job.id} (token ${token}) was rejected while its lease was live`,
      claim.operation,
      operation,
    );
  }

  /** A command names the queue of its job, and affects no other queue. */
  #checkQueue(): void {
    const add = addOf(this.#job);
    if (add === undefined || this.#job.adds.length > 1) return;
    for (const command of [...this.#job.retries, ...this.#job.removes, ...this.#job.changes]) {
      const { queue = add.call.queue } = command.call;
      if (command.outcome === 'ok' && queue !== add.call.queue)
        this.#problems.add(`job ${this.#job.id} of ${add.call.queue} was reached as a job of ${queue}`, add, command);
    }
  }

  /** No claim returns a job before its add began, or under another job's key. */
  #checkBirth(): void {
    const [add, ...others] = possibleAddsOf(this.#job);
    if (add === undefined) return;
    for (const claim of this.#claims) {
      if (others.some((other) => mayHaveBrought(other, claim))) continue;
      if (isBefore(claim.operation, add)) this.#problems.add(`job ${this.#job.id} was claimed before it was added`, claim.operation, add);
      if (claim.key !== undefined && claim.key !== add.call.key)
        this.#problems.add(
          `job ${this.#job.id} was added as ${JSON.stringify(add.call.key)} and came as ${JSON.stringify(claim.key)}`,
          add,
          claim.operation,
        );
      if (claim.operation.call.queue !== add.call.queue)
        this.#problems.add(
          `job ${this.#job.id} was added to ${add.call.queue} and came from ${claim.operation.call.queue}`,
          add,
          claim.operation,
        );
    }
  }
}

const mayHaveBrought = (add: OperationOf<'add'>, { operation, key = add.call.key }: JobClaim): boolean =>
  !isBefore(operation, add) && key === add.call.key && operation.call.queue === add.call.queue;

const NOT_STALLED = { isSure: false, isPossible: false };

const isFailure = (end: HolderEnd): end is OperationOf<'fail'> => end.f === 'fail';

const both = (previous: JobClaim | undefined, claim: JobClaim): HistoryOperation[] =>
  previous === undefined ? [claim.operation] : [previous.operation, claim.operation];
