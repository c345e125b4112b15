import { InvariantViolation } from '../base/invariant.ts';
import { StorageError } from '../storage/errors.ts';

/** A checked property does not hold. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(message);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

export function checkProperty(isKept: boolean, invariant: string, message: () => string): asserts isKept {
  if (!isKept) throw new Violation(invariant, message());
}

export const isDamage = (error: unknown): boolean => error instanceof StorageError && error.code === 'STORAGE_DAMAGED';

/** The node's file was restored from an older copy. */
export const isRollBack = (error: unknown): boolean => error instanceof StorageError && error.code === 'STORAGE_ROLLED_BACK';

/** The violation for an error that a node threw. */
export function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (error instanceof InvariantViolation) return new Violation('invariants of the code', error.message);
  return new Violation('no unexpected errors', error instanceof Error ? (error.stack ?? error.message) : String(error));
}
