import { ANY_GENERATION, type Generation, isSameLife, raisedGeneration } from '../base/generation.ts';
import type { EntryKind } from '../raft/entry.ts';
import type { CoreView } from '../raft/raft-core.ts';

export interface FileGenerationParts {
  /** The file's generation, raised at this start. */
  readonly current: Generation;
  /** Writes it, durably. @throws {StorageError} */
  readonly write: (generation: Generation) => void;
  /** The file has the new generation while the node is running. */
  readonly onRaised: (generation: Generation) => void;
}

/**
 * The generation of this node's file. A recorded life raises it once, then with each checkpoint and each installed snapshot, so that older
 * copies are detected; but only if an applied entry since then may have been reported to a client. The entry that records a generation does
 * not count: it would cause the next one.
 *
 * Recorded means committed. Otherwise a copy that has not received the record would overtake it by its own checkpoints, or by entries of a
 * deposed leader.
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

  /** The next generation, if it is to be raised with the current write. */
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

  /** A snapshot is a checkpoint of everything that it covers. @throws {StorageError} */
  onSnapshotInstalled(view: CoreView): void {
    this.#isStale = true;
    const generation = this.next(view, true);
    if (generation !== undefined) this.#parts.write(generation);
    this.onWritten(generation);
  }

  /** At a graceful stop: copies of the file that were taken while the node ran are older from now on. @throws {StorageError} */
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
