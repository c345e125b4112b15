import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue } from '../../src/index.ts';
import { systemClock } from '../measuring/clock.ts';
import { ADDS_IN_FLIGHT } from './add-rates.ts';
import { addInFlightFor, SMALL_BYTES } from './bench-cluster.ts';
import type { BenchContext } from './bench-measure.ts';

const WARM_UP_PART_MS = 1000;

/**
 * Warms up a fresh cluster by adds in flight for about two seconds. Until their code is compiled its threads are several times slower,
 * above all in their first checkpoints: within this time each node writes several.
 * @returns the cluster's capacity in adds a second: as this session measured it, otherwise from the second half of the warm-up.
 */
export async function warmUp(queue: Queue, { medianOf, signal }: BenchContext): Promise<number> {
  const options = { bytes: SMALL_BYTES, inFlightMax: 2000, signal };
  await addInFlightFor(queue, WARM_UP_PART_MS, options);
  const own = await addInFlightFor(queue, WARM_UP_PART_MS, options);
  return medianOf(ADDS_IN_FLIGHT) ?? own;
}

/** One acknowledged add, on the system clock. */
export interface ScheduledAdd {
  readonly intendedMs: number;
  readonly acknowledgedMs: number;
}

const WAKE_EVERY_MS = 1;

/**
 * Offers adds of 64 B at a fixed rate for a while, regardless of their outcome. The sender wakes about once a millisecond and sends the
 * adds that are due by then: a sender that polls the clock would take one of the machine's cores from the nodes, and its many small
 * requests would be part of the result. An add's time runs from when it was due, so the sender's delay counts as well.
 * @returns those that were acknowledged, in the order in which they were due.
 */
export async function addOnSchedule(
  queue: { readonly add: (name: string, payload: Uint8Array) => Promise<unknown> },
  { ratePerSecond, durationMs }: { readonly ratePerSecond: number; readonly durationMs: number },
  { signal }: Pick<BenchContext, 'signal'>,
): Promise<readonly ScheduledAdd[]> {
  const payload = new Uint8Array(SMALL_BYTES);
  const adds = Math.ceil((ratePerSecond * durationMs) / 1000);
  const everyMs = 1000 / ratePerSecond;
  const startMs = performance.now();
  const onSystemClockMs = systemClock.nowMs() - startMs;
  const acknowledgedMs = new Float64Array(adds).fill(Number.NaN);
  const replies: Promise<void>[] = [];
  while (replies.length < adds && !signal.aborted) {
    const due = Math.min(adds, Math.floor((performance.now() - startMs) / everyMs) + 1);
    for (let at = replies.length; at < due; at += 1) {
      const acknowledged = (): void => {
        acknowledgedMs[at] = performance.now();
      };
      // One that is rejected has no latency.
      replies.push(queue.add('message', payload).then(acknowledged, () => undefined));
    }
    await sleep(WAKE_EVERY_MS);
  }
  await Promise.all(replies);
  return Array.from(acknowledgedMs, (atMs, at) => ({
    intendedMs: onSystemClockMs + startMs + at * everyMs,
    acknowledgedMs: onSystemClockMs + atMs,
  })).filter((add) => !Number.isNaN(add.acknowledgedMs));
}
