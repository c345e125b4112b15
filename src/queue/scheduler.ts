import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MalformedBytesError } from '../base/bytes.ts';
import { NO_OFFSET, NO_TICK, policyInResult, type SchedulerDetail } from '../protocol/scheduler.ts';
import type { Job } from './job.ts';
import type { NamedQueue } from './named-queue.ts';

/** What a client sets of a job scheduler. */
export type SchedulerSpec = Omit<SchedulerDetail, 'nextMs' | 'ticks'>;

/** A job scheduler of a queue: it adds one job at each of its ticks. */
export class Scheduler {
  /** Never assigned twice: a scheduler that is set again is another one. */
  readonly id: number;
  readonly queue: NamedQueue<Job>;
  readonly spec: SchedulerSpec;
  /** Ticks so far: the number of jobs that it has added. */
  ticks = 0;
  /** The next tick is after this wall time: that of the latest one, and of the entry that processed it. */
  afterMs = 0;
  /** The wall time of the next tick; {@link NO_TICK} while the leader has to compute it. Maintained by SchedulerTable. */
  dueMs: number = NO_TICK;
  /** Position in the heap of ticks, or -1. Maintained by DeadlineHeap. */
  heapAt = -1;
  /** The checkpoint has a record of it. */
  isStored = false;

  constructor(id: number, queue: NamedQueue<Job>, spec: SchedulerSpec) {
    this.id = id;
    this.queue = queue;
    this.spec = spec;
  }

  get key(): string {
    return this.spec.scheduler;
  }

  /** It has had all its ticks. */
  get isExhausted(): boolean {
    const { ticksMax } = this.spec;
    return ticksMax > 0 && this.ticks >= ticksMax;
  }

  /** Whether a tick at this time would be behind its end. */
  isOverAt(ms: number): boolean {
    const { endMs } = this.spec;
    return endMs > 0 && ms > endMs;
  }
}

/** Whether the ticks are at the same times, apart from their beginning and end. */
export const hasSameTimes = (one: SchedulerSpec, other: SchedulerSpec): boolean =>
  one.everyMs === other.everyMs && one.offsetMs === other.offsetMs && one.pattern === other.pattern && one.tz === other.tz;

/** The first tick of `everyMs` and `offsetMs` at or after this time. Without an offset it is this time itself. */
export function firstTickMs({ everyMs, offsetMs }: SchedulerSpec, fromMs: number): number {
  if (offsetMs === NO_OFFSET) return fromMs;
  const phaseMs = (fromMs - offsetMs) % everyMs;
  if (phaseMs === 0) return fromMs;
  return fromMs - phaseMs + (phaseMs > 0 ? everyMs : 0);
}

/** The tick of `everyMs` that follows the one at `tickMs`: the first after `afterMs`, which is not before that one. */
export function nextTickMs(spec: SchedulerSpec, tickMs: number, afterMs: number): number {
  // The first tick may have been at another time than those of the offset.
  const ofSeriesMs = firstTickMs(spec, tickMs);
  if (ofSeriesMs > afterMs) return ofSeriesMs;
  return ofSeriesMs + spec.everyMs * (Math.floor((afterMs - ofSeriesMs) / spec.everyMs) + 1);
}

/**
 * ```
 * [text scheduler][f64 queue][f64 nextMs][f64 afterMs][f64 ticks]
 * [f64 everyMs][f64 offsetMs][text pattern][text tz][f64 startMs][f64 endMs][u32 ticksMax][u32 priority][blob policy][blob payload]
 * ```
 */
export function writeScheduler(to: ByteWriter, { queue, dueMs, afterMs, ticks, spec }: Scheduler): void {
  to.text(spec.scheduler);
  to.f64(queue.number);
  to.f64(dueMs);
  to.f64(afterMs);
  to.f64(ticks);
  to.f64(spec.everyMs);
  to.f64(spec.offsetMs);
  to.text(spec.pattern);
  to.text(spec.tz);
  to.f64(spec.startMs);
  to.f64(spec.endMs);
  to.u32(spec.ticksMax);
  to.u32(spec.priority);
  policyInResult.write(to, spec.policy);
  to.blob(spec.payload);
}

/** @param queues by number. @throws {MalformedBytesError} */
export function readScheduler(id: number, from: ByteReader, queues: ReadonlyMap<number, NamedQueue<Job>>): Scheduler {
  const scheduler = from.text();
  const queue = queues.get(from.f64());
  if (queue === undefined) throw new MalformedBytesError(`job scheduler "${scheduler}" is in a queue that does not exist`);
  const [dueMs, afterMs, ticks] = [from.f64(), from.f64(), from.f64()];
  const [everyMs, offsetMs] = [from.f64(), from.f64()];
  const [pattern, tz] = [from.text(), from.text()];
  const [startMs, endMs, ticksMax, priority] = [from.f64(), from.f64(), from.u32(), from.u32()];
  const policy = policyInResult.read(from);
  // A copy, so that one payload does not keep the whole record in memory.
  const payload = from.blob().slice();
  const spec = { scheduler, everyMs, offsetMs, pattern, tz, startMs, endMs, ticksMax, priority, policy, payload };
  const read = new Scheduler(id, queue, spec);
  Object.assign(read, { dueMs, afterMs, ticks, isStored: true });
  return read;
}
