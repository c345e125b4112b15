import { type HistoryOperation, isBefore, isFunction, mayHaveApplied, type OperationOf } from '../history/operation.ts';
import { addOf, type JobClaim, type JobHistory, jobHistoriesOf } from './job-history.ts';
import { Problems, type Verdict } from './verdict.ts';

/** What a job's holder says of it, under its token. */
type HolderOperation = OperationOf<'extend'> | OperationOf<'complete'> | OperationOf<'fail'> | OperationOf<'release'>;

/**
 * What the fencing token promises, job by job: tokens grow at every claim, only the current one counts, it ends once, nobody claims a job under a live lease, attempts
 * are counted, and the holder of a live lease is not turned away.
 * @param clockErrorUs how much the clocks behind the leases may differ from the history's.
 */
export function checkLifecycle(operations: readonly HistoryOperation[], clockErrorUs: number): Verdict {
  const problems = new Problems();
  const claims = operations.filter(isFunction('claim'));
  checkTokensGrow(claims, problems);
  const unknownClaims = claims.filter(({ outcome }) => outcome === 'info');
  for (const job of jobHistoriesOf(operations).values()) new JobCheck(job, unknownClaims, clockErrorUs, problems).run();
  return problems.verdict('lifecycle', operations.length);
}

/** Over all jobs: no token twice, and none smaller than one that was given out before. */
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
  readonly #clockErrorUs: number;
  readonly #problems: Problems;

  constructor(job: JobHistory, unknownClaims: readonly OperationOf<'claim'>[], clockErrorUs: number, problems: Problems) {
    this.#job = job;
    this.#claims = [...job.claims].sort((a, b) => a.token - b.token);
    this.#unknownClaims = unknownClaims;
    this.#clockErrorUs = clockErrorUs;
    this.#problems = problems;
  }

  run(): void {
    const { extends: extensions, completes, fails, releases } = this.#job;
    for (const operation of [...extensions, ...completes, ...fails, ...releases]) {
      if (operation.outcome === 'ok') this.#checkAccepted(operation);
      else if (operation.error === 'LEASE_LOST') this.#checkRefused(operation);
    }
    this.#checkEndsOnce([...completes, ...fails, ...releases].filter(({ outcome }) => outcome === 'ok'));
    this.#checkNothingAfterTheEnd();
    this.#claims.forEach((claim, at) => {
      this.#checkAttempt(claim, this.#claims[at - 1]);
      const previous = this.#claims[at - 1];
      if (previous !== undefined) this.#checkLeaseOver(previous, claim);
    });
    this.#checkBirth();
  }

  /** Accepted only with a token that was given out, and that was the current one. */
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

  /** A token ends with one complete, fail or release, and is not extended behind it. */
  #checkEndsOnce(ends: readonly HolderOperation[]): void {
    const byToken = new Map<number, HolderOperation>();
    for (const end of ends) {
      const other = byToken.get(end.call.token);
      if (other !== undefined) this.#problems.add(`token ${end.call.token} of job ${end.call.job} ended twice`, other, end);
      byToken.set(end.call.token, end);
    }
    for (const extension of this.#job.extends) {
      const end = byToken.get(extension.call.token);
      if (extension.outcome === 'ok' && end !== undefined && isBefore(end, extension))
        this.#problems.add(`the lease of job ${extension.call.job} was extended after it had ended`, end, extension);
    }
  }

  /** Nobody gets a job that is completed or removed; ids and completions are for ever. */
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

  #checkAttempt(claim: JobClaim, previous: JobClaim | undefined): void {
    const { attempt, operation, token } = claim;
    const attemptsMax = addOf(this.#job)?.call.attemptsMax;
    if (attempt < 1 || (attemptsMax !== undefined && attempt > attemptsMax))
      this.#problems.add(`job ${this.#job.id} is at attempt ${attempt} of ${attemptsMax ?? 'unknown'}`, operation);
    // A redrive starts to count again.
    if (this.#job.redrives.some(mayHaveApplied)) return;
    const before = previous?.attempt ?? 0;
    const unseen = this.#unknownClaims.filter(
      ({ call, invokedAt }) => call.queue === operation.call.queue && invokedAt < operation.returnedAt,
    ).length;
    // A lease that ended, or was given back, is no attempt.
    const isFailed = this.#job.fails.some((fail) => fail.outcome === 'ok' && fail.call.token === previous?.token);
    if (attempt > Math.max(before, 1) + 1 + unseen || attempt < before + (isFailed ? 1 : 0))
      this.#problems.add(
        `job ${this.#job.id} went from attempt ${before} to attempt ${attempt} (token ${token})`,
        ...both(previous, claim),
      );
  }

  /** Without an end by its holder, a lease is over when its time is. */
  #checkLeaseOver(held: JobClaim, next: JobClaim): void {
    const { fails, releases, completes } = this.#job;
    if ([...fails, ...releases, ...completes].some((end) => mayHaveApplied(end) && end.call.token === held.token)) return;
    const overUs = this.#leaseOverUs(held);
    if (next.operation.returnedUs + this.#clockErrorUs >= overUs) return;
    const missingMs = Math.ceil((overUs - next.operation.returnedUs) / 1_000);
    this.#problems.add(
      `job ${this.#job.id} was claimed again ${missingMs} ms before the lease of token ${held.token} was over`,
      ...both(held, next),
    );
  }

  /** The earliest time at which the lease can have been over: that of whichever may have been the last to set it. */
  #leaseOverUs(held: JobClaim): number {
    const extensions = this.#job.extends.filter((extension) => mayHaveApplied(extension) && extension.call.token === held.token);
    const settings: readonly (OperationOf<'claim'> | OperationOf<'extend'>)[] = [held.operation, ...extensions];
    const mayBeLast = settings.filter((setting) => !extensions.some((other) => other.outcome === 'ok' && isBefore(setting, other)));
    return Math.min(...mayBeLast.map(({ invokedUs, call }) => invokedUs + call.leaseMs * 1_000));
  }

  /** Whoever holds a live lease is not told that it was lost. */
  #checkRefused(operation: HolderOperation): void {
    const { id, completes, fails, releases } = this.#job;
    const { token } = operation.call;
    const claim = this.#claims.find((given) => given.token === token);
    const isEnded = [...completes, ...fails, ...releases].some(
      (end) => end !== operation && mayHaveApplied(end) && end.call.token === token,
    );
    if (
      claim === undefined ||
      !isBefore(claim.operation, operation) ||
      isEnded ||
      operation.returnedUs + this.#clockErrorUs >= this.#leaseOverUs(claim)
    )
      return;
    this.#problems.add(`the holder of job ${id} (token ${token}) was refused while its lease was live`, claim.operation, operation);
  }

  /** Nobody gets a job before somebody began to add it, or under another's key. */
  #checkBirth(): void {
    const add = addOf(this.#job);
    if (add === undefined) return;
    for (const claim of this.#claims) {
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

const both = (previous: JobClaim | undefined, claim: JobClaim): HistoryOperation[] =>
  previous === undefined ? [claim.operation] : [previous.operation, claim.operation];
