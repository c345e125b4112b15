import type { EntryId, LogIndex, Term } from '../base/ids.ts';
import { asIndex, asTerm } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { Entry } from './entry.ts';
import { entryId } from './entry.ts';

/**
 * The log as an index window: the compacted part, of which only the last entry's id is known, and the entries after it. Always
 * compacted <= persisted <= last.
 */
export class RaftLog {
  /** The last entry of the compacted part; never goes back. */
  #compacted: EntryId;
  /** Consecutive, from compacted + 1 on; their terms never decrease. */
  #entries: Entry[];
  /** How far this node's own disk is known to have the log; goes back only where entries are dropped from the end. */
  #persisted: LogIndex;

  constructor(compacted: EntryId, entries: readonly Entry[]) {
    this.#compacted = compacted;
    this.#entries = [...entries];
    for (let offset = 0; offset < entries.length; offset += 1) {
      const found = entries[offset]?.index;
      invariant(found === compacted.index + 1 + offset, () => `the stored log has ${found} where ${compacted.index + 1 + offset} belongs`);
    }
    this.#persisted = this.lastIndex;
  }

  get compacted(): EntryId {
    return this.#compacted;
  }

  get firstIndex(): LogIndex {
    return asIndex(this.#compacted.index + 1);
  }

  get lastIndex(): LogIndex {
    return asIndex(this.#compacted.index + this.#entries.length);
  }

  get last(): EntryId {
    const last = this.#entries.at(-1);
    return last === undefined ? this.#compacted : entryId(last);
  }

  get persisted(): LogIndex {
    return this.#persisted;
  }

  /** The term of the entry at `index`, or undefined outside the window; the compacted entry's own term is still known. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.#compacted.index) return this.#compacted.term;
    return this.#entries[index - this.#compacted.index - 1]?.term;
  }

  entryAt(index: LogIndex): Entry | undefined {
    return this.#entries[index - this.#compacted.index - 1];
  }

  /** Log Matching (Raft §5.3): an equal id means equal logs up to there. */
  contains(id: EntryId): boolean {
    return this.termAt(id.index) === id.term;
  }

  append(entry: Entry): void {
    const expected = this.lastIndex + 1;
    invariant(entry.index === expected, () => `entry ${entry.index} appended where ${expected} belongs`);
    this.#entries.push(entry);
  }

  /** Deletes the entry at `from` and all that follow it. */
  truncate(from: LogIndex): void {
    invariant(
      from > this.#compacted.index,
      () => `truncation at ${from} reaches into the compacted log, which ends at ${this.#compacted.index}`,
    );
    this.#entries.length = Math.min(this.#entries.length, from - this.#compacted.index - 1);
    if (this.#persisted > this.lastIndex) this.#persisted = this.lastIndex;
  }

  /**
   * The disk has the log up to `upTo`. A completion of entries that were truncated meanwhile names an id that the log no
   * longer contains, and changes nothing.
   */
  markPersisted(upTo: EntryId): void {
    if (upTo.index > this.#persisted && this.contains(upTo)) this.#persisted = upTo.index;
  }

  /** Drops the entries up to and including `upTo`. */
  compact(upTo: LogIndex): void {
    if (upTo <= this.#compacted.index) return;
    const boundary = this.entryAt(upTo);
    invariant(
      boundary !== undefined && upTo <= this.#persisted,
      () => `compaction to ${upTo} passes what is persisted, ${this.#persisted}`,
    );
    this.#entries.splice(0, upTo - this.#compacted.index);
    this.#compacted = entryId(boundary);
  }

  /** Up to where the log may be dropped so that a tail within `entriesMax` and `bytesMax` remains, counted back from `end`. */
  lastBeforeTail(end: LogIndex, entriesMax: number, bytesMax: number): LogIndex {
    let index = end;
    let bytes = 0;
    while (index > this.#compacted.index && end - index < entriesMax) {
      bytes += this.entryAt(index)?.data.length ?? 0;
      if (bytes > bytesMax) break;
      index = asIndex(index - 1);
    }
    return index;
  }

  /** A snapshot replaced the whole log. */
  resetTo(snapshot: EntryId): void {
    this.#compacted = snapshot;
    this.#entries = [];
    this.#persisted = snapshot.index;
  }

  /** Consecutive entries from `from` on: at most `bytesMax`, but at least one if there is one. */
  slice(from: LogIndex, bytesMax: number): Entry[] {
    const start = from - this.#compacted.index - 1;
    invariant(start >= 0, () => `entry ${from} was compacted away; the log begins at ${this.firstIndex}`);
    let bytes = 0;
    let end = start;
    for (; end < this.#entries.length; end += 1) {
      bytes += this.#entries[end]?.data.length ?? 0;
      if (bytes > bytesMax && end > start) break;
    }
    return this.#entries.slice(start, end);
  }

  /** The entries in (after, upTo]. */
  between(after: LogIndex, upTo: LogIndex): Entry[] {
    const start = after - this.#compacted.index;
    invariant(start >= 0, () => `entries behind ${after} were compacted away; the log begins at ${this.firstIndex}`);
    return this.#entries.slice(start, upTo - this.#compacted.index);
  }

  /**
   * The last position at or before `index` whose term is at most `term`: everything between it and `index` belongs to
   * later terms and cannot match, so one exchange skips a whole term (Raft §5.3, end).
   */
  lastAtMost(index: LogIndex, term: Term): EntryId {
    let position = Math.min(index, this.lastIndex);
    while (position > this.#compacted.index) {
      const found = this.#entries[position - this.#compacted.index - 1]?.term ?? asTerm(0);
      if (found <= term) return { index: asIndex(position), term: found };
      position -= 1;
    }
    return this.#compacted;
  }
}
