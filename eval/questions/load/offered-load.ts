import { dueTimes, type Schedule } from '../../load/schedule.ts';
import { type LatencySummary, summarizeLatency } from '../../measuring/latency-summary.ts';

/** Messages of an open loop, by number; times in milliseconds on one clock, NaN for what did not happen. */
export interface OfferedLoad {
  /** When the first message was due. */
  readonly startMs: number;
  /** Since the start. */
  readonly dueMs: readonly number[];
  readonly sentMs: Float64Array;
  readonly acknowledgedMs: Float64Array;
  readonly completedMs: Float64Array;
}

/** Part of a load, in milliseconds since its start: messages that were due in it. */
export interface OfferWindow {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface OfferFigures {
  /** Messages due in the window. */
  readonly due: number;
  /** Of those. */
  readonly acknowledged: number;
  /** Completions in the window, a second, whenever their messages were due. */
  readonly achievedPerSecond: number;
  /** Share of the messages that were sent late, or not at all. */
  readonly lateShare: number;
  /** From when a message was due. */
  readonly acknowledgement: Percentiles;
  readonly completion: Percentiles;
}

type Percentiles = Pick<LatencySummary, 'p50Ms' | 'p90Ms' | 'p99Ms' | 'p999Ms'>;

/** As the replay's settings: a message that leaves later than this is late. */
const LATE_MS = 20;

/** Due times before `untilMs`, ascending. */
export function dueBefore(schedule: Schedule, untilMs: number): number[] {
  const due: number[] = [];
  for (const dueMs of dueTimes(schedule)) {
    if (dueMs >= untilMs) break;
    due.push(dueMs);
  }
  return due;
}

export function summarizeOffer(load: OfferedLoad, { fromMs, untilMs }: OfferWindow): OfferFigures {
  const { startMs, dueMs } = load;
  const isInside = (ms: number): boolean => ms >= fromMs && ms < untilMs;
  const acknowledgement: number[] = [];
  const completion: number[] = [];
  let [late, completions] = [0, 0];
  for (const [message, ms] of dueMs.entries()) {
    const since = (times: Float64Array): number => (times[message] ?? Number.NaN) - startMs - ms;
    if (isInside(since(load.completedMs) + ms)) completions += 1;
    if (!isInside(ms)) continue;
    if (!(since(load.sentMs) <= LATE_MS)) late += 1;
    acknowledgement.push(since(load.acknowledgedMs));
    completion.push(since(load.completedMs));
  }
  const due = acknowledgement.length;
  return {
    due,
    acknowledged: due - acknowledgement.filter(Number.isNaN).length,
    achievedPerSecond: (completions * 1000) / (untilMs - fromMs),
    lateShare: due === 0 ? 0 : late / due,
    acknowledgement: percentilesOf(acknowledgement),
    completion: percentilesOf(completion),
  };
}

/** A message without an end (NaN) is slower than all others; a percentile that falls on such a message is unknown. */
function percentilesOf(latenciesMs: readonly number[]): Percentiles {
  const ended = latenciesMs.filter((ms) => !Number.isNaN(ms)).length;
  const summary = summarizeLatency(latenciesMs.map((ms) => (Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms)));
  const known = (percentile: number, ms: number | null): number | null => (ended * 100 >= percentile * latenciesMs.length ? ms : null);
  return {
    p50Ms: known(50, summary.p50Ms),
    p90Ms: known(90, summary.p90Ms),
    p99Ms: known(99, summary.p99Ms),
    p999Ms: known(99.9, summary.p999Ms),
  };
}
