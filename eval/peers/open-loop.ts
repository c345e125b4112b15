import { setImmediate as nextTurn } from 'node:timers/promises';
import { dueTimes } from '../load/schedule.ts';
import type { Clock } from '../measuring/clock.ts';

export interface OpenLoop {
  readonly ratePerSecond: number;
  readonly durationMs: number;
  /** Adds that are due before this time are sent, and are not in the result. */
  readonly warmUpMs: number;
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Of each add that was due after the warm-up. */
export interface OpenLoopResult {
  /** Milliseconds from when it was due to its acknowledgement. */
  readonly latenciesMs: readonly number[];
  /** Milliseconds from when it was due to the call of `add`; part of its latency. */
  readonly senderDelaysMs: readonly number[];
}

const WAKE_EVERY_MS = 1;
/** A rate is not sustained when the oldest add that was due this long ago, or as many adds as are due in this time, have no reply. */
const BACKLOG_MS_MAX = 1000;

/**
 * Offers adds at the times of a Poisson process ({@link dueTimes}), regardless of the replies to earlier ones. The sender wakes at most once a millisecond
 * and sends all that are due by then.
 * @returns what was measured until the signal was aborted.
 * @throws the first error of an add; or when the rate is not sustained.
 */
export async function offerAdds(add: () => Promise<void>, options: OpenLoop): Promise<OpenLoopResult> {
  const { ratePerSecond, durationMs, warmUpMs, seed, clock, signal } = options;
  const endMs = warmUpMs + durationMs;
  const inFlightMax = Math.max(100, (ratePerSecond * BACKLOG_MS_MAX) / 1000);
  const latenciesMs: number[] = [];
  const senderDelaysMs: number[] = [];
  const arrivals = dueTimes({ type: 'poisson', ratePerSecond, seed });
  const startMs = clock.nowMs();
  const elapsedMs = (): number => clock.nowMs() - startMs;
  let inFlight = 0;
  let failure: unknown;
  const send = (dueMs: number): void => {
    inFlight += 1;
    if (dueMs >= warmUpMs) senderDelaysMs.push(elapsedMs() - dueMs);
    add().then(
      () => {
        inFlight -= 1;
        if (dueMs >= warmUpMs) latenciesMs.push(elapsedMs() - dueMs);
      },
      (error: unknown) => {
        inFlight -= 1;
        failure ??= error ?? new Error('An add failed.');
      },
    );
  };
  const check = (backlogMs: number): void => {
    if (failure !== undefined) throw failure;
    if (backlogMs <= BACKLOG_MS_MAX && inFlight <= inFlightMax) return;
    const backlog = `${inFlight} adds without a reply, the sender ${Math.round(backlogMs)} ms late`;
    throw new Error(`${Math.round(ratePerSecond)} adds a second are not sustained: ${backlog}.`);
  };
  let dueMs = arrivals.next().value;
  let wokeMs = 0;
  while (dueMs < endMs && !signal.aborted) {
    await clock.waitUntil(startMs + Math.max(dueMs, wokeMs + WAKE_EVERY_MS), signal);
    // A sender that is late lets replies in nevertheless.
    await nextTurn();
    wokeMs = elapsedMs();
    check(wokeMs - dueMs);
    for (; dueMs < endMs && dueMs <= wokeMs; dueMs = arrivals.next().value) send(dueMs);
  }
  while (inFlight > 0 && !signal.aborted) {
    check(elapsedMs() - endMs);
    await clock.waitUntil(clock.nowMs() + WAKE_EVERY_MS, signal);
    await nextTurn();
  }
  check(0);
  return { latenciesMs, senderDelaysMs };
}
