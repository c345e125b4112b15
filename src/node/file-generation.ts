import { ANY_GENERATION, type Generation, nextGeneration } from '../base/generation.ts';
import type { EntryKind } from '../raft/entry.ts';

/**
 * The generation of this node's file. A checkpoint raises it, so that copies that were taken before are found out; but only if something was
 * applied since that a client may have been told. The entry that records a generation is none of that: it would cause the next one.
 */
export class FileGeneration {
  #current: Generation;
  #isStale = false;
  readonly #persist: (generation: Generation) => void;

  constructor(current: Generation, persist: (generation: Generation) => void) {
    this.#current = current;
    this.#persist = persist;
  }

  get current(): Generation {
    return this.#current;
  }

  /** The next one, if the checkpoint that is written now raises it. */
  get nextAtCheckpoint(): Generation | undefined {
    return this.#isStale && this.#current !== ANY_GENERATION ? nextGeneration(this.#current) : undefined;
  }

  onApplied(kind: EntryKind): void {
    if (kind === 'command') this.#isStale = true;
  }

  /** At an orderly end: copies of the file that were taken while the node ran are older from now on. @throws {StorageError} */
  raise(): void {
    if (this.#current === ANY_GENERATION) return;
    const raised = nextGeneration(this.#current);
    this.#persist(raised);
    this.onRaised(raised);
  }

  onRaised(generation: Generation): void {
    this.#current = generation;
    this.#isStale = false;
  }
}
