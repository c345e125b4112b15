import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import type { KillableLeader } from './peer.ts';

const PROBE_EVERY_MS = 5;
const BEFORE_KILL_MS = 500;
const OUTAGE_MS_MAX = 60_000;
/** The outage is over when half of what was asked within this time was acknowledged. */
const RECOVERED_WINDOW_MS = 1000;
const RECOVERED_ADDS = RECOVERED_WINDOW_MS / PROBE_EVERY_MS / 2;

/**
 * Adds at a fixed rate, whatever becomes of them, so that one add that hangs on the dead leader does not hide that others succeed.
 * @returns the longest time in milliseconds between two acknowledgements since the kill; `undefined` when it was interrupted.
 * @throws when adds are not accepted again within a minute.
 */
export async function measureOutage(add: () => Promise<void>, leader: KillableLeader, signal: AbortSignal): Promise<number | undefined> {
  const acknowledgedMs: number[] = [];
  const probe = setInterval(() => {
    // A rejected add is the outage itself; what counts is when adds succeed again.
    add().then(
      () => acknowledgedMs.push(systemClock.nowMs()),
      () => undefined,
    );
  }, PROBE_EVERY_MS);
  try {
    await sleep(BEFORE_KILL_MS);
    if (acknowledgedMs.length === 0) throw new Error('No add was acknowledged before the leader was killed.');
    const killedMs = systemClock.nowMs();
    await leader.kill();
    while (!hasRecovered(acknowledgedMs, killedMs)) {
      if (signal.aborted) return undefined;
      if (systemClock.nowMs() - killedMs > OUTAGE_MS_MAX)
        throw new Error(`Adds are not accepted ${OUTAGE_MS_MAX} ms after the leader was killed.`);
      await sleep(PROBE_EVERY_MS);
    }
    return longestPauseMs(acknowledgedMs, killedMs);
  } finally {
    clearInterval(probe);
  }
}

function hasRecovered(acknowledgedMs: readonly number[], killedMs: number): boolean {
  const nowMs = systemClock.nowMs();
  // The whole window lies behind the kill: what was acknowledged before it says nothing.
  if (nowMs - RECOVERED_WINDOW_MS < killedMs) return false;
  const earliest = acknowledgedMs.at(-RECOVERED_ADDS);
  return earliest !== undefined && earliest >= nowMs - RECOVERED_WINDOW_MS;
}

/** Between two acknowledgements of which the later one came after `fromMs`. */
export function longestPauseMs(acknowledgedMs: readonly number[], fromMs: number): number {
  let longestMs = 0;
  for (const [at, laterMs] of acknowledgedMs.entries()) {
    const earlierMs = acknowledgedMs[at - 1];
    if (earlierMs !== undefined && laterMs > fromMs) longestMs = Math.max(longestMs, laterMs - earlierMs);
  }
  return longestMs;
}
