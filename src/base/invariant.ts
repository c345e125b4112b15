/** An internal invariant is violated. The node that throws it stops; it never continues from an unexpected state. */
export class InvariantViolation extends Error {
  readonly code = 'INVARIANT_VIOLATED';

  constructor(explanation: string) {
    super(`Invariant violated: ${explanation}`);
    this.name = 'InvariantViolation';
  }
}

/**
 * A follower has acknowledged entries of this leader's term that the leader does not have. A disk that keeps synced writes
 * rules this out, so the leader's file is older than the acknowledgement.
 */
export class ForgottenEntriesError extends InvariantViolation {
  readonly follower: number;
  /** The index that the follower acknowledged, and the last one of the leader's log. */
  readonly acknowledged: number;
  readonly last: number;

  constructor(follower: number, acknowledged: number, last: number) {
    super(`node ${follower} acknowledges ${acknowledged}, past this leader's log, ${last}`);
    this.follower = follower;
    this.acknowledged = acknowledged;
    this.last = last;
  }
}

/** Enabled in production. The explanation is only built if the check fails. */
export function invariant(holds: boolean, explain: () => string): asserts holds {
  if (!holds) throw new InvariantViolation(explain());
}

/** The end of an exhaustive switch; the compiler proves that it is unreachable. */
export function assertNever(value: never): never {
  throw new InvariantViolation(`unexpected variant ${JSON.stringify(value)}`);
}
