import { invariant } from '../base/invariant.ts';
import { NO_TICK } from '../protocol/scheduler.ts';
import type { ChangeTracker } from './change-tracker.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import type { Job } from './job.ts';
import type { NamedQueue } from './named-queue.ts';
import { firstTickMs, hasSameTimes, nextTickMs, type Scheduler, type SchedulerSpec } from './scheduler.ts';
import { STATE_BOUNDS, type StateBounds } from './state-bounds.ts';

type SchedulerBounds = Pick<StateBounds, 'schedulersPerQueueMax' | 'schedulersMax' | 'schedulersBytesMax'>;

/** The next tick of a pattern, which the leader has to compute: the first time after `afterMs`. */
export interface PendingTick {
  readonly number: number;
  /** Its key and its queue, for a message. */
  readonly what: string;
  readonly pattern: string;
  readonly tz: string;
  readonly afterMs: number;
}

/**
 * The job schedulers of all queues. Each has its next tick in the heap; one with a pattern is between two ticks among those that wait for
 * the leader, which computes the next one: time zones may differ between the releases of Node.js that the replicas run on.
 */
export class SchedulerTable {
  readonly #byId = new Map<number, Scheduler>();
  readonly #byQueue = new Map<NamedQueue<Job>, Map<string, Scheduler>>();
  readonly #ticks = new DeadlineHeap<Scheduler>();
  /** Their next tick is not known yet, in the order in which they began to wait. */
  readonly #waiting = new Set<Scheduler>();
  readonly #changes: ChangeTracker;
  #bytes = 0;
  bounds: SchedulerBounds = STATE_BOUNDS;
  /** How many have begun to wait since this object exists. Not a part of the state. */
  waitsBegun = 0;

  constructor(changes: ChangeTracker) {
    this.#changes = changes;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Bytes of their payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The one whose tick is next. */
  top(): Scheduler | undefined {
    return this.#ticks.top();
  }

  get(id: number): Scheduler | undefined {
    return this.#byId.get(id);
  }

  /** @param queue undefined for one that does not exist. */
  find(queue: NamedQueue<Job> | undefined, key: string): Scheduler | undefined {
    return queue === undefined ? undefined : this.#byQueue.get(queue)?.get(key);
  }

  /** Those of a queue, in the order in which they were set. */
  of(queue: NamedQueue<Job> | undefined): readonly Scheduler[] {
    return queue === undefined ? [] : [...(this.#byQueue.get(queue)?.values() ?? [])];
  }

  /** In ascending order of their numbers. */
  values(): Scheduler[] {
    return [...this.#byId.values()].sort((one, other) => one.id - other.id);
  }

  isWaiting(scheduler: Scheduler): boolean {
    return this.#waiting.has(scheduler);
  }

  /** Those that wait for the leader to compute their next tick, the longest first. */
  *toAdvance(): Generator<PendingTick> {
    for (const { id, key, queue, spec, afterMs } of this.#waiting)
      yield { number: id, what: `"${key}" of queue "${queue.name}"`, pattern: spec.pattern, tz: spec.tz, afterMs };
  }

  /** In heap order. */
  timed(): readonly Scheduler[] {
    return this.#ticks.values();
  }

  /** Whether the bounds have space for another one, or for this one in place of the one with its key. */
  hasSpaceFor(queue: NamedQueue<Job> | undefined, { scheduler, payload }: SchedulerSpec): boolean {
    const known = this.find(queue, scheduler);
    const { schedulersPerQueueMax, schedulersMax, schedulersBytesMax } = this.bounds;
    if (known === undefined && ((queue?.schedulers ?? 0) >= schedulersPerQueueMax || this.size >= schedulersMax)) return false;
    return this.#bytes - (known?.spec.payload.length ?? 0) + payload.length <= schedulersBytesMax;
  }

  /** Of a checkpoint. */
  restore(scheduler: Scheduler): void {
    this.#enter(scheduler);
  }

  /**
   * Sets a scheduler, in place of the one of its queue with the same key. If that one had the same times, the next tick stays; otherwise the
   * first is at the start, or now.
   * @param isImmediate whether the first tick of a pattern, or of other times than before, is now.
   * @returns undefined if its end is before its first tick: then the queue has none of this key.
   */
  set(scheduler: Scheduler, isImmediate: boolean, wallMs: number): Scheduler | undefined {
    const { queue, key, spec } = scheduler;
    const known = this.find(queue, key);
    // Never NO_TICK, whatever the clock of a leader shows.
    const nowMs = Math.max(wallMs, 1);
    const fromMs = Math.max(nowMs, spec.startMs);
    const kept = known !== undefined && keepsTick(known, spec) ? known : undefined;
    if (known !== undefined) this.remove(known);
    // A pattern's ticks are after this time; one at the start counts.
    scheduler.afterMs = kept?.afterMs ?? Math.max(wallMs, spec.startMs - 1);
    const isPattern = spec.everyMs === 0;
    if (isImmediate && (isPattern || kept === undefined)) scheduler.dueMs = nowMs;
    else if (kept !== undefined) scheduler.dueMs = kept.dueMs;
    else scheduler.dueMs = isPattern ? NO_TICK : firstTickMs(spec, fromMs);
    if (scheduler.dueMs !== NO_TICK && scheduler.isOverAt(scheduler.dueMs)) return undefined;
    this.#enter(scheduler);
    this.#changes.scheduler(scheduler);
    return scheduler;
  }

  /** Its tick is over. Of those that were missed there is one: the next tick is after the time of the entry. */
  onTicked(scheduler: Scheduler, wallMs: number): void {
    const { dueMs, spec } = scheduler;
    this.#ticks.remove(scheduler);
    scheduler.ticks += 1;
    scheduler.afterMs = Math.max(dueMs, wallMs);
    this.#schedule(scheduler, spec.everyMs > 0 ? nextTickMs(spec, dueMs, scheduler.afterMs) : undefined);
  }

  /** The leader has computed the next tick of one that waits for it. @param nextMs NO_TICK if there is none. */
  advance(scheduler: Scheduler, nextMs: number): void {
    if (nextMs !== NO_TICK && nextMs <= scheduler.afterMs) return;
    this.#waiting.delete(scheduler);
    this.#schedule(scheduler, nextMs);
  }

  remove(scheduler: Scheduler): void {
    if (scheduler.heapAt >= 0) this.#ticks.remove(scheduler);
    this.#waiting.delete(scheduler);
    this.#byId.delete(scheduler.id);
    this.#bytes -= scheduler.spec.payload.length;
    const { queue, key } = scheduler;
    queue.schedulers -= 1;
    if (queue.schedulers === 0) this.#byQueue.delete(queue);
    else this.#byQueue.get(queue)?.delete(key);
    this.#changes.schedulerRemoved(scheduler);
  }

  /** @param nextMs undefined while it is not known, NO_TICK if there is none. */
  #schedule(scheduler: Scheduler, nextMs: number | undefined): void {
    if (scheduler.isExhausted || nextMs === NO_TICK || (nextMs !== undefined && scheduler.isOverAt(nextMs))) {
      this.remove(scheduler);
      return;
    }
    invariant(nextMs === undefined || nextMs > scheduler.dueMs, () => `job scheduler "${scheduler.key}" ticks at ${nextMs} again`);
    scheduler.dueMs = nextMs ?? NO_TICK;
    this.#place(scheduler);
    this.#changes.scheduler(scheduler);
  }

  #enter(scheduler: Scheduler): void {
    this.#byId.set(scheduler.id, scheduler);
    this.#bytes += scheduler.spec.payload.length;
    const { queue, key } = scheduler;
    const ofQueue = this.#byQueue.get(queue) ?? new Map<string, Scheduler>();
    this.#byQueue.set(queue, ofQueue.set(key, scheduler));
    queue.schedulers += 1;
    this.#place(scheduler);
  }

  #place(scheduler: Scheduler): void {
    if (scheduler.dueMs !== NO_TICK) {
      this.#ticks.push(scheduler);
      return;
    }
    this.#waiting.add(scheduler);
    this.waitsBegun += 1;
  }
}

/** Whether one that replaces `known` goes on with its ticks: it has the same times, and begins no later. */
function keepsTick(known: Scheduler, spec: SchedulerSpec): boolean {
  if (!hasSameTimes(known.spec, spec)) return false;
  const isBegun = known.ticks > 0 || known.spec.startMs === spec.startMs;
  return isBegun && (known.dueMs === NO_TICK ? known.afterMs + 1 : known.dueMs) >= spec.startMs;
}
