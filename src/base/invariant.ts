/** A promise that the code makes to itself was broken. The node that throws it stops; it never continues from an unexpected state. */
export class InvariantViolation extends Error {
  readonly code = 'INVARIANT_VIOLATED';

  constructor(explanation: string) {
    super(`Invariant violated: ${explanation}`);
    this.name = 'InvariantViolation';
  }
}

/** Stays on in production. The explanation is only built when the check fails. */
export function invariant(holds: boolean, explain: () => string): asserts holds {
  if (!holds) throw new InvariantViolation(explain());
}

/** The end of an exhaustive switch; the compiler proves that it is unreachable. */
export function assertNever(value: never): never {
  throw new InvariantViolation(`unexpected variant ${JSON.stringify(value)}`);
}
