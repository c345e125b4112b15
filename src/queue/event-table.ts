import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { EVENTS, type EventName } from '../protocol/events.ts';
import { NO_STATE } from '../protocol/job-state.ts';
import { EVENT_DETAIL_BYTES_MAX, EVENT_READ_BYTES_MAX } from '../protocol/limits.ts';
import type { ChangeTracker } from './change-tracker.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { EventBlock, EventRecordKind, EventRing, type RecordedQueue } from './event-ring.ts';
import type { Job } from './job.ts';
import type { QueueTable } from './queue-table.ts';
import { STATE_BOUNDS, type StateBounds } from './state-bounds.ts';

type EventBounds = Pick<StateBounds, 'eventsPerQueueMax' | 'eventsPerQueueBytesMax' | 'eventsBytesMax' | 'eventQueuesMax'>;

/** What a reader gets. */
export interface EventPage {
  readonly recording: number;
  readonly first: number;
  readonly last: number;
  readonly isLost: boolean;
  readonly count: number;
  readonly events: Uint8Array;
}

/** A queue keeps at least this many blocks, so that a dropped one is a small part of its events. */
const BLOCKS_MIN = 8;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** The events of the queues that record them, within bounds for each queue and for all of them. Other queues pay one comparison for an event. */
export class EventTable {
  readonly #rings = new DeadlineHeap<EventRing>();
  readonly #byNumber = new Map<number, EventRing>();
  /** Of all queues, the oldest first. */
  readonly #blocks = new Set<EventBlock>();
  readonly #changes: ChangeTracker;
  readonly #queues: QueueTable;
  #bytes = 0;
  bounds: EventBounds = STATE_BOUNDS;
  /** Called for a queue whose readers have something to read. Set by the machine. */
  onReadable: ((queue: string) => void) | undefined;

  constructor(changes: ChangeTracker, queues: QueueTable) {
    this.#changes = changes;
    this.#queues = queues;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** Bytes of all events. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The recording whose subscriptions end first. */
  top(): EventRing | undefined {
    return this.#rings.top();
  }

  /** When the next recording ends, in log time; Infinity if none goes on. */
  get nextEndMs(): number {
    return this.top()?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** In ascending order of their numbers. */
  rings(): EventRing[] {
    return [...this.#byNumber.values()].sort((one, other) => one.number - other.number);
  }

  /** Of all queues, the oldest first. */
  blocks(): Iterable<EventBlock> {
    return this.#blocks;
  }

  /** Whether another queue may begin to record. */
  get hasSpace(): boolean {
    return this.size < this.bounds.eventQueuesMax;
  }

  /** The queue records its events until this time at least. The caller has checked that there is space for it. */
  subscribe(queue: RecordedQueue, untilMs: number): EventRing {
    const known = queue.events;
    const ring = known ?? new EventRing(this.#queues.takeNumber(), queue);
    if (known === undefined) {
      ring.dueMs = untilMs;
      this.#enter(ring);
    } else if (untilMs > ring.dueMs) {
      ring.dueMs = untilMs;
      this.#rings.update(ring);
    } else return ring;
    this.#changes.events.changed(ring);
    return ring;
  }

  /** The last subscription has ended: the events are gone. */
  end(ring: EventRing): void {
    for (const block of ring.blocks) this.#forget(block);
    ring.blocks.length = 0;
    this.#rings.remove(ring);
    this.#byNumber.delete(ring.number);
    ring.queue.events = undefined;
    this.#changes.events.removed(ring);
    this.onReadable?.(ring.queue.name);
  }

  /**
   * Records an event of a queue, if it records any.
   * @param job undefined for an event of the queue itself.
   * @param prev the code of the state that the job was in.
   * @param detail its bytes, see `EVENTS`; copied. A reason is cut to the bound, a result that is longer left out.
   */
  record(queue: RecordedQueue, name: EventName, job: Job | undefined, atMs: number, prev: number = NO_STATE, detail = NO_BYTES): void {
    const ring = queue.events;
    if (ring === undefined) return;
    const isCut = detail.length > EVENT_DETAIL_BYTES_MAX;
    const block = this.#openBlock(ring);
    const bytes = block.add({
      ...{ name, prev, atMs, isCut },
      jobId: job?.id ?? 0,
      customId: job?.policy.customId ?? '',
      attempt: job?.attempt ?? 0,
      detail: isCut ? cut(name, detail) : detail,
    });
    ring.nextId += 1;
    ring.bytes += bytes;
    this.#bytes += bytes;
    this.#changes.events.changed(ring);
    this.#changes.events.grown(block, bytes);
    this.#keepBounds(ring);
    this.onReadable?.(queue.name);
  }

  /** Whether a reader gets something now: events, or that they are lost. */
  isReadable(queue: string, recording: number, afterId: number): boolean {
    const ring = this.#queues.byName.get(queue)?.events;
    return ring?.number !== recording || afterId !== ring.lastId;
  }

  /**
   * The events behind `afterId`: at most `countMax`, and about as many bytes as a reply has, but one if there is one. If they are not all there,
   * those that are: a reader that is slower than the queue would find them dropped, too, by the time it asks again.
   */
  read(queue: RecordedQueue | undefined, recording: number, afterId: number, countMax: number): EventPage {
    const ring = queue?.events;
    if (ring === undefined) return { recording: 0, first: 0, last: 0, isLost: true, count: 0, events: NO_BYTES };
    const place = { recording: ring.number, first: ring.firstId, last: ring.lastId };
    const isThere = ring.number === recording && afterId >= ring.firstId - 1 && afterId <= ring.lastId;
    const isLost = !isThere;
    const behind = isLost ? ring.firstId - 1 : afterId;
    const to = new ByteWriter(1024);
    let count = 0;
    for (const block of ring.blocks) {
      if (block.nextId <= behind + 1) continue;
      const from = new ByteReader(block.bytes);
      for (let id = block.firstId; id < block.nextId; id += 1) {
        const event = from.blob();
        if (id <= behind) continue;
        if (count === countMax || (count > 0 && to.length + event.length > EVENT_READ_BYTES_MAX))
          return { ...place, isLost, count, events: to.copy() };
        to.blob(event);
        count += 1;
      }
    }
    return { ...place, isLost, count, events: to.copy() };
  }

  /** A record of a checkpoint, in ascending order of their numbers. @param queues by number. @throws {MalformedBytesError} */
  restore(number: number, from: ByteReader, queues: ReadonlyMap<number, RecordedQueue>): void {
    if (from.u8() === EventRecordKind.ring) {
      const queue = queues.get(from.f64());
      if (queue === undefined) throw new MalformedBytesError(`recording ${number} is of a queue that does not exist`);
      const ring = new EventRing(number, queue);
      ring.dueMs = from.f64();
      ring.nextId = from.f64();
      ring.isStored = true;
      this.#enter(ring);
      return;
    }
    const ring = this.#byNumber.get(from.f64());
    if (ring === undefined) throw new MalformedBytesError(`block ${number} is of a recording that does not exist`);
    const block = EventBlock.read(number, ring, from);
    ring.blocks.at(-1)?.close();
    ring.blocks.push(block);
    this.#blocks.add(block);
    ring.bytes += block.bytes.length;
    this.#bytes += block.bytes.length;
  }

  #enter(ring: EventRing): void {
    ring.queue.events = ring;
    this.#byNumber.set(ring.number, ring);
    this.#rings.push(ring);
  }

  #openBlock(ring: EventRing): EventBlock {
    const latest = ring.blocks.at(-1);
    if (latest !== undefined && !latest.isFull(Math.max(1, Math.floor(this.bounds.eventsPerQueueMax / BLOCKS_MIN)))) return latest;
    latest?.close();
    const block = new EventBlock(this.#queues.takeNumber(), ring, ring.nextId);
    ring.blocks.push(block);
    this.#blocks.add(block);
    return block;
  }

  /** Drops the oldest blocks beyond the bounds, but never that of the latest event. */
  #keepBounds(latest: EventRing): void {
    const { eventsPerQueueMax, eventsPerQueueBytesMax, eventsBytesMax } = this.bounds;
    while (latest.blocks.length > 1 && (latest.count > eventsPerQueueMax || latest.bytes > eventsPerQueueBytesMax))
      this.#dropOldest(latest);
    if (this.#bytes <= eventsBytesMax) return;
    // First what is closed: an open block may be old, and have the latest event of a queue with few. Some more than needed, as each look is at all.
    const bytesMax = eventsBytesMax - eventsBytesMax / BLOCKS_MIN;
    for (const block of this.#blocks) {
      if (this.#bytes <= bytesMax) return;
      if (block.ring.blocks.length > 1) this.#dropOldest(block.ring);
    }
    for (const block of this.#blocks) {
      if (this.#bytes <= eventsBytesMax) return;
      if (block.ring !== latest) this.#dropOldest(block.ring);
    }
  }

  #dropOldest(ring: EventRing): void {
    const block = ring.blocks.shift();
    if (block !== undefined) this.#forget(block);
  }

  #forget(block: EventBlock): void {
    this.#blocks.delete(block);
    const { length } = block.bytes;
    block.ring.bytes -= length;
    this.#bytes -= length;
    this.#changes.events.removed(block);
  }
}

/** What an event has of a detail that is too long. */
function cut(name: EventName, detail: Uint8Array): Uint8Array {
  if (EVENTS[name].detail !== 'reason') return NO_BYTES;
  let end = EVENT_DETAIL_BYTES_MAX;
  // Not within a character of UTF-8.
  while (end > 0 && ((detail[end] as number) & 0xc0) === 0x80) end -= 1;
  return detail.subarray(0, end);
}
