import { ANY_GENERATION, type Generation, isSameLife, nextGeneration } from '../base/generation.ts';
import type { EntryKind } from '../raft/entry.ts';
import type { CoreView } from '../raft/raft-core.ts';

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

  /**
   * The next one, if the checkpoint that is written now raises it: only in a life that is on record. Else a copy that nobody has told what is on
   * record would get ahead of it by its own checkpoints.
   */
  nextAtCheckpoint({ id, disk, configuration }: CoreView): Generation | undefined {
    if (!this.#isStale || this.#current === ANY_GENERATION) return undefined;
    const own = configuration.disks.find((known) => known.node === id && known.disk === disk);
    return own?.generation !== undefined && isSameLife(own.generation, this.#current) ? nextGeneration(this.#current) : undefined;
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
