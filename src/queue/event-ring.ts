import { type ByteReader, ByteWriter } from '../base/bytes.ts';
import { type QueueEvent, writeEvent } from '../protocol/events.ts';

/** The queue of a recording. */
export interface RecordedQueue {
  readonly number: number;
  readonly name: string;
  events: EventRing | undefined;
}

/** An event as it is recorded, with the code of the state before. */
export type RecordedEvent = Omit<QueueEvent, 'prev'> & { readonly prev: number };

/** A record of the checkpoint that belongs to the events of a queue. */
export interface EventRecord {
  /** Never assigned twice, also not to a queue or a job scheduler. */
  readonly number: number;
  /** The checkpoint has a record of it. */
  isStored: boolean;
  write(to: ByteWriter): void;
}

/** The first byte of a record. */
export const EventRecordKind = Object.freeze({ ring: 0, block: 1 });

/** Bytes from which on a block takes no further event: with SQLite's overhead it fits into few pages, of which a checkpoint writes one or two. */
const BLOCK_BYTES = 8 * 1024;
const BLOCK_EVENTS_MAX = 128;

/** Neighbouring events of a queue: one record of the checkpoint, and what the bounds of events drop at a time. */
export class EventBlock implements EventRecord {
  readonly number: number;
  readonly ring: EventRing;
  readonly firstId: number;
  count = 0;
  isStored = false;
  #to: ByteWriter | undefined = new ByteWriter(512);
  /** Once no event is added. */
  #bytes: Uint8Array | undefined;

  constructor(number: number, ring: EventRing, firstId: number) {
    this.number = number;
    this.ring = ring;
    this.firstId = firstId;
  }

  /** The id of the event that would be added next. */
  get nextId(): number {
    return this.firstId + this.count;
  }

  get bytes(): Uint8Array {
    return this.#bytes ?? (this.#to as ByteWriter).view();
  }

  isFull(eventsMax: number): boolean {
    return this.count >= Math.min(eventsMax, BLOCK_EVENTS_MAX) || this.bytes.length >= BLOCK_BYTES;
  }

  /** @returns its bytes. */
  add(event: RecordedEvent): number {
    const to = this.#to as ByteWriter;
    const before = to.length;
    writeEvent(to, event);
    this.count += 1;
    return to.length - before;
  }

  /** No event is added any more: gives back the memory that more would need. */
  close(): void {
    this.#bytes = this.bytes.slice();
    this.#to = undefined;
  }

  write(to: ByteWriter): void {
    to.u8(EventRecordKind.block);
    to.f64(this.ring.number);
    to.f64(this.firstId);
    to.u32(this.count);
    to.raw(this.bytes);
  }

  /** @param from behind the kind and the number of the ring. @throws {MalformedBytesError} */
  static read(number: number, ring: EventRing, from: ByteReader): EventBlock {
    const block = new EventBlock(number, ring, from.f64());
    block.count = from.u32();
    block.isStored = true;
    block.#to?.raw(from.raw(from.remaining));
    return block;
  }
}

/**
 * One recording of the events of a queue: while a client subscribes to them. Their ids count from 1. The oldest ones are dropped beyond the
 * bounds. A recording that begins later has another number, so that no id of this one is taken for one of its own.
 */
export class EventRing implements EventRecord {
  readonly number: number;
  readonly queue: RecordedQueue;
  /** The id of the next event. */
  nextId = 1;
  /** Oldest first. */
  readonly blocks: EventBlock[] = [];
  /** Bytes of the events in its blocks. */
  bytes = 0;
  /** When the last subscription ends, in log time. */
  dueMs = 0;
  /** Position in the heap of these times, or -1. Maintained by DeadlineHeap. */
  heapAt = -1;
  isStored = false;

  constructor(number: number, queue: RecordedQueue) {
    this.number = number;
    this.queue = queue;
  }

  /** For the heap. */
  get id(): number {
    return this.number;
  }

  /** The id of the oldest event that is kept; of the next one if none is. */
  get firstId(): number {
    return this.blocks[0]?.firstId ?? this.nextId;
  }

  get lastId(): number {
    return this.nextId - 1;
  }

  get count(): number {
    return this.nextId - this.firstId;
  }

  write(to: ByteWriter): void {
    to.u8(EventRecordKind.ring);
    to.f64(this.queue.number);
    to.f64(this.dueMs);
    to.f64(this.nextId);
  }
}
