import type { ChangeTracker } from './change-tracker.ts';
import type { Job } from './job.ts';
import { NamedQueue } from './named-queue.ts';
import { QUEUES_MAX } from './state-bounds.ts';

/**
 * The queues by name. From version 3 a queue exists between two entries only while it has jobs, so that an empty one costs nothing and
 * their number is unlimited. Before, at most {@link QUEUES_MAX} exist, and empty ones stay until the limit is reached.
 */
export class QueueTable {
  readonly byName = new Map<string, NamedQueue<Job>>();
  nextNumber = 1;
  readonly #changes: ChangeTracker;
  /** Queues that became unused in the entry that is applied; some of them may have a new job. */
  readonly #emptied = new Set<NamedQueue<Job>>();

  constructor(changes: ChangeTracker) {
    this.#changes = changes;
  }

  /** The queue of this name, created if need be; `undefined` if there are too many queues with jobs. */
  open(name: string, version: number): NamedQueue<Job> | undefined {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    if (version < 3 && this.byName.size >= QUEUES_MAX) {
      this.#dropEmpty(this.byName.values());
      if (this.byName.size >= QUEUES_MAX) return undefined;
    }
    const queue = new NamedQueue<Job>(this.takeNumber(), name);
    this.byName.set(name, queue);
    this.#changes.queue(queue);
    return queue;
  }

  /** A number that no queue and no job scheduler has, or had. */
  takeNumber(): number {
    const number = this.nextNumber;
    this.nextNumber += 1;
    return number;
  }

  /** The queue has lost something: it is dropped after this entry if it is unused by then. @param version of the entry. */
  dropIfUnused(queue: NamedQueue<Job>, version: number): void {
    if (version >= 3 && queue.isUnused) this.#emptied.add(queue);
  }

  /**
   * An entry of version 3 or later was applied.
   * @param isFirst whether those before it were of earlier versions.
   * @returns whether queues may have been dropped.
   */
  dropEmpty(isFirst: boolean): boolean {
    if (!isFirst && this.#emptied.size === 0) return false;
    this.#dropEmpty(isFirst ? this.byName.values() : this.#emptied);
    this.#emptied.clear();
    return true;
  }

  #dropEmpty(queues: Iterable<NamedQueue<Job>>): void {
    for (const queue of queues) {
      if (!queue.isUnused) continue;
      this.byName.delete(queue.name);
      this.#changes.queueRemoved(queue);
    }
  }
}
