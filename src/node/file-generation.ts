import { ANY_GENERATION, type Generation, isSameLife, raisedGeneration } from '../base/generation.ts';
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
 * The generation of this node's file. A life that is on record raises it at once, then by each checkpoint and each snapshot that is installed, so
 * that copies that were taken before are found out; but only if something was applied since that a client may have been told. The entry that
 * records a generation is none of that: it would cause the next one.
 *
 * On record is what is committed. Otherwise a copy that was not told what is on record would get ahead of it by its own checkpoints, or by what a
 * leader wrote that was deposed.
 */
export class FileGeneration {
  readonly #parts: FileGenerationParts;
  #current: Generation;
  #isStale = false;
  #isFirst = true;

  constructor(parts: FileGenerationParts) {
    this.#parts = parts;
    this.#current = parts.current;
  }

  get current(): Generation {
    return this.#current;
  }

  /** The next one, if it is to be raised with what is written now. */
  next(view: CoreView, isCheckpoint: boolean): Generation | undefined {
    const isDue = this.#isFirst || (isCheckpoint && this.#isStale);
    return isDue && this.#isOnRecord(view) ? raisedGeneration(this.#current) : undefined;
  }

  onApplied(kind: EntryKind): void {
    if (kind === 'command') this.#isStale = true;
  }

  /** @param generation from {@link next}, which is on disk. */
  onWritten(generation: Generation | undefined): void {
    if (generation === undefined) return;
    this.#current = generation;
    this.#isStale = false;
    this.#isFirst = false;
    this.#parts.onRaised(generation);
  }

  /** It is a checkpoint of all that it brought. @throws {StorageError} */
  onSnapshotInstalled(view: CoreView): void {
    this.#isStale = true;
    const generation = this.next(view, true);
    if (generation !== undefined) this.#parts.write(generation);
    this.onWritten(generation);
  }

  /** At an orderly end: copies of the file that were taken while the node ran are older from now on. @throws {StorageError} */
  raiseAtEnd(): void {
    if (this.#current === ANY_GENERATION) return;
    this.#current = raisedGeneration(this.#current);
    this.#parts.write(this.#current);
  }

  #isOnRecord({ id, disk, configurations, commit }: CoreView): boolean {
    if (this.#current === ANY_GENERATION) return false;
    const { disks } = configurations.at(commit).configuration;
    const recorded = disks.find((known) => known.node === id && known.disk === disk)?.generation;
    return recorded !== undefined && isSameLife(recorded, this.#current);
  }
}
