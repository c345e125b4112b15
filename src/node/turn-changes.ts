import type { Generation } from '../base/generation.ts';
import type { LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { Effects } from '../raft/effects.ts';
import type { Entry, HardState } from '../raft/entry.ts';
import type { NodeStorage, PersistBatch } from '../storage/port.ts';
import type { CheckpointPart } from './checkpoint-schedule.ts';

/** Records of a checkpoint that are written between two readings of the clock. */
const RECORDS_UNTIMED = 64;

/**
 * The changes of one turn's steps, merged into one transaction. The changes of the next turns are added while a long suffix of
 * the log is deleted first.
 */
export class TurnChanges {
  hardState: HardState | undefined;
  #isTruncating = false;
  #from: LogIndex | undefined;
  #entries: Entry[] = [];

  get isEmpty(): boolean {
    return this.hardState === undefined && this.#from === undefined;
  }

  get append(): { readonly from: LogIndex; readonly entries: readonly Entry[] } | undefined {
    return this.#from === undefined ? undefined : { from: this.#from, entries: this.#entries };
  }

  /** Whether the next turn must continue to delete a suffix of the log. */
  get isTruncating(): boolean {
    return this.#isTruncating;
  }

  /**
   * Deletes a part of the log's suffix that conflicts with new entries, if it is too long for one transaction. Until all of it is
   * deleted the changes, and what depends on them, wait; a stop in between leaves a log that ends earlier.
   * @returns whether it was too long.
   */
  truncateInParts(storage: Pick<NodeStorage, 'truncationStart' | 'persist'>): boolean {
    const { append, hardState } = this;
    const from = append === undefined ? undefined : storage.truncationStart(append.from);
    this.#isTruncating = from !== undefined && from !== append?.from;
    if (from === undefined || !this.#isTruncating) return false;
    // The newer term shows that the deleted entries were not committed.
    storage.persist({ ...(hardState === undefined ? {} : { hardState }), append: { from, entries: [] } });
    this.hardState = undefined;
    return true;
  }

  /**
   * The turn's transaction.
   * @param onRecords called repeatedly while the records of a checkpoint are written; not while term and vote, on which all messages sent
   * meanwhile depend, are not on disk yet.
   */
  batchWith(part: CheckpointPart | undefined, generation: Generation | undefined, onRecords: () => void): PersistBatch {
    const { hardState, append } = this;
    return {
      ...(hardState === undefined ? {} : { hardState }),
      ...(append === undefined ? {} : { append }),
      ...(part === undefined || hardState !== undefined ? part : inParts(part, onRecords)),
      ...(generation === undefined ? {} : { generation }),
    };
  }

  merge(effects: Effects): void {
    if (effects.hardState !== undefined) this.hardState = effects.hardState;
    if (effects.append === undefined) return;
    const { from, entries } = effects.append;
    if (this.#from === undefined || from <= this.#from) {
      this.#from = from;
      this.#entries = [...entries];
      return;
    }
    const kept = from - this.#from;
    invariant(kept <= this.#entries.length, () => `a step appends at ${from}, behind a gap`);
    this.#entries.length = kept;
    for (const entry of entries) this.#entries.push(entry);
  }

  clear(): void {
    this.#isTruncating = false;
    this.hardState = undefined;
    this.#from = undefined;
    this.#entries = [];
  }
}

const inParts = ({ checkpoint, ...rest }: CheckpointPart, onRecords: () => void): CheckpointPart => ({
  ...rest,
  checkpoint: { ...checkpoint, changes: withPauses(checkpoint.changes, onRecords) },
});

function* withPauses<Item>(items: Iterable<Item>, pause: () => void): Generator<Item> {
  let untimed = RECORDS_UNTIMED;
  for (const item of items) {
    yield item;
    untimed -= 1;
    if (untimed > 0) continue;
    pause();
    untimed = RECORDS_UNTIMED;
  }
}
