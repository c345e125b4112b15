import type { EventBlock, EventRecord } from './event-ring.ts';

/** What the next checkpoint has to write of the events of queues. */
export interface EventChangeSet {
  readonly changed: ReadonlySet<EventRecord>;
  /** Numbers of records that the checkpoint has. */
  readonly removed: readonly number[];
}

/** Tracks which recordings and blocks of events changed since the last checkpoint. */
export class EventChanges {
  #changed = new Set<EventRecord>();
  #removed: number[] = [];
  /** Of events that were recorded since then. */
  #bytes = 0;

  get pending(): number {
    return this.#changed.size + this.#removed.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  changed(record: EventRecord): void {
    this.#changed.add(record);
  }

  grown(block: EventBlock, bytes: number): void {
    this.#changed.add(block);
    this.#bytes += bytes;
  }

  removed(record: EventRecord): void {
    this.#changed.delete(record);
    if (record.isStored) this.#removed.push(record.number);
  }

  /** Returns what is marked and clears the marks. */
  take(): EventChangeSet {
    const taken = { changed: this.#changed, removed: this.#removed };
    this.#changed = new Set();
    this.#removed = [];
    this.#bytes = 0;
    return taken;
  }
}
