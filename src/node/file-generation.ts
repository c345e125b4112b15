import { ANY_GENERATION, type Generation, isSameLife, nextGeneration } from '../base/generation.ts';
import type { EntryKind } from '../raft/entry.ts';
import type { CoreView } from '../raft/raft-core.ts';

export interface FileGenerationParts {
  /** The file's, raised at this start. */
  readonly current: Generation;
  /** Writes it, durably. @throws {StorageError} */
  readonly write: (generation: Generation) => void;
  /** The file has it, while the node goes on. */
  readonly onRaised: (generation: Generation) => void;
}

/**
 * The generation of this node's file. A checkpoint raises it, and so does a snapshot that is installed, so that copies that were taken before
 * are found out; but only if something was applied since that a client may have been told. The entry that records a generation is none of
 * that: it would cause the next one.
 */
export class FileGeneration {
  readonly #parts: FileGenerationParts;
  #current: Generation;
  #isStale = false;

  constructor(parts: FileGenerationParts) {
    this.#parts = parts;
    this.#current = parts.current;
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

  /** The checkpoint that has it is on disk. */
  onCheckpointWritten(generation: Generation | undefined): void {
    if (generation === undefined) return;
    this.#current = generation;
    this.#isStale = false;
    this.#parts.onRaised(generation);
  }

  /** It is a checkpoint of all that it brought. @throws {StorageError} */
  onSnapshotInstalled(view: CoreView): void {
    this.#isStale = true;
    const generation = this.nextAtCheckpoint(view);
    if (generation !== undefined) this.#parts.write(generation);
    this.onCheckpointWritten(generation);
  }

  /** At an orderly end: copies of the file that were taken while the node ran are older from now on. @throws {StorageError} */
  raiseAtEnd(): void {
    if (this.#current === ANY_GENERATION) return;
    this.#current = nextGeneration(this.#current);
    this.#parts.write(this.#current);
  }
}
