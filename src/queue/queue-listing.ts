import type { Job } from './job.ts';
import { type Listing, LOOKED_PER_STEP_MAX } from './listing.ts';
import type { NamedQueue } from './named-queue.ts';
import type { QueueTable } from './queue-table.ts';
import type { ReplyEncoder } from './reply-encoder.ts';

/** Most bytes of names in one page; one name always fits. */
const NAMES_BYTES_MAX = 64 * 1024;
/** UTF-8 takes at most three bytes for a unit of UTF-16. */
const UNIT_BYTES_MAX = 3;
/** Of its length, in front of a name. */
const LENGTH_BYTES = 4;

/** The fields of `queueNames`, see commands.ts. */
export interface QueueListingRequest {
  readonly after: number;
  readonly countMax: number;
}

/**
 * A page of the names of the queues that have jobs, job schedulers or limits, are paused, or record their events, in the order of their numbers. One step looks at a bounded number of queues,
 * those before the page included.
 */
export class QueueListing implements Listing {
  looked = 0;
  /** By ascending numbers: queues are created and restored in this order. */
  readonly #queues: Iterator<NamedQueue<Job>>;
  readonly #after: number;
  readonly #countMax: number;
  readonly #names: string[] = [];
  #bytes = 0;
  #last: number;
  #isOver = false;

  constructor(queues: QueueTable, { after, countMax }: QueueListingRequest) {
    this.#queues = queues.byName.values();
    this.#after = after;
    this.#last = after;
    this.#countMax = countMax;
  }

  step(): boolean {
    for (this.looked = 0; this.looked < LOOKED_PER_STEP_MAX; this.looked += 1) {
      const next = this.#queues.next();
      this.#isOver = next.done === true;
      if (next.done === true || !this.#add(next.value)) return true;
    }
    return false;
  }

  writeResult(replies: ReplyEncoder): void {
    replies.result('queueNames', { isOver: this.#isOver, last: this.#last, names: this.#names });
  }

  /** @returns false if the page has no space for the queue. */
  #add(queue: NamedQueue<Job>): boolean {
    const { number, name } = queue;
    if (number <= this.#after || queue.isUnused) return true;
    const bytes = LENGTH_BYTES + UNIT_BYTES_MAX * name.length;
    if (this.#names.length === this.#countMax || (this.#names.length > 0 && this.#bytes + bytes > NAMES_BYTES_MAX)) return false;
    this.#names.push(name);
    this.#bytes += bytes;
    this.#last = number;
    return true;
  }
}
