/** A promise was broken. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(message);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

export function demand(isKept: boolean, invariant: string, message: () => string): asserts isKept {
  if (!isKept) throw new Violation(invariant, message());
}
