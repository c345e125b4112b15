import { setTimeout as sleep } from 'node:timers/promises';
import { AcknowledgementProbe, longestSilenceMs } from '../measuring/acknowledgements.ts';
import { systemClock } from '../measuring/clock.ts';

const PROBE_EVERY_MS = 5;
/** Before the fault, half of the adds within this time are acknowledged. */
const BEFORE_FAULT_MS = 500;
const ADDS_BEFORE_FAULT = BEFORE_FAULT_MS / PROBE_EVERY_MS / 2;
/** For what an earlier load left to do. */
const SETTLE_MS_MAX = 30_000;
const OUTAGE_MS_MAX = 60_000;
/** The outage is over when half of the adds within this time are acknowledged. */
const RECOVERED_WINDOW_MS = 1000;
const RECOVERED_ADDS = RECOVERED_WINDOW_MS / PROBE_EVERY_MS / 2;

/**
 * Injects a fault into the leader while adds continue at a fixed rate, none of which waits for another.
 * @param begin resolves when the fault is in effect.
 * @returns the longest time in milliseconds between two acknowledgements, the later of which is after the fault; `undefined` when it was
 * interrupted.
 * @throws when half of the adds are not acknowledged within half a minute before the fault, or adds are not accepted again within a minute.
 */
export async function measureOutage(
  add: () => Promise<void>,
  begin: () => Promise<void>,
  signal: AbortSignal,
  settleMsMax: number = SETTLE_MS_MAX,
): Promise<number | undefined> {
  using probe = new AcknowledgementProbe(add, PROBE_EVERY_MS);
  const { acknowledgedMs } = probe;
  const startMs = systemClock.nowMs();
  while (!isServing(acknowledgedMs, startMs)) {
    if (signal.aborted) return undefined;
    if (systemClock.nowMs() - startMs > settleMsMax)
      throw new Error(`Half of the adds were not acknowledged within ${settleMsMax} ms before the fault of the leader.`);
    await sleep(PROBE_EVERY_MS);
  }
  const faultMs = systemClock.nowMs();
  await begin();
  while (!hasRecovered(acknowledgedMs, faultMs)) {
    if (signal.aborted) return undefined;
    if (systemClock.nowMs() - faultMs > OUTAGE_MS_MAX)
      throw new Error(`Adds are not accepted ${OUTAGE_MS_MAX} ms after the fault of the leader.`);
    await sleep(PROBE_EVERY_MS);
  }
  return longestSilenceMs(acknowledgedMs, faultMs);
}

function isServing(acknowledgedMs: readonly number[], startMs: number): boolean {
  const nowMs = systemClock.nowMs();
  const earliest = acknowledgedMs.at(-ADDS_BEFORE_FAULT);
  return nowMs - startMs >= BEFORE_FAULT_MS && earliest !== undefined && earliest >= nowMs - BEFORE_FAULT_MS;
}

function hasRecovered(acknowledgedMs: readonly number[], faultMs: number): boolean {
  const nowMs = systemClock.nowMs();
  // The whole window is after the fault: earlier acknowledgements do not count.
  if (nowMs - RECOVERED_WINDOW_MS < faultMs) return false;
  const earliest = acknowledgedMs.at(-RECOVERED_ADDS);
  return earliest !== undefined && earliest >= nowMs - RECOVERED_WINDOW_MS;
}
