/** One injected bug: a text of one source file is replaced by another. */
export interface Mutant {
  /** Its kind of mistake, by the numbers in test/README.md. */
  readonly mistake: number;
  readonly name: string;
  /** Path below `src/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
