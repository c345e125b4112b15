/** One bug, injected: a piece of one source file replaced by another. */
export interface Mutant {
  /** Which of the things that implementations get wrong it belongs to, by the numbers in test/README.md. */
  readonly mistake: number;
  readonly name: string;
  /** From `src/` on. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
