import { setTimeout as sleep } from 'node:timers/promises';
import { AcknowledgementProbe, longestSilenceMs } from '../measuring/acknowledgements.ts';
import { systemClock } from '../measuring/clock.ts';
import type { KillableLeader } from './peer.ts';

const PROBE_EVERY_MS = 5;
const BEFORE_KILL_MS = 500;
const OUTAGE_MS_MAX = 60_000;
/** The outage is over when half of the adds within this time are acknowledged. */
const RECOVERED_WINDOW_MS = 1000;
const RECOVERED_ADDS = RECOVERED_WINDOW_MS / PROBE_EVERY_MS / 2;

/**
 * Kills the leader while adds continue at a fixed rate.
 * @returns the longest time in milliseconds between two acknowledgements since the kill; `undefined` when it was interrupted.
 * @throws when adds are not accepted again within a minute.
 */
export async function measureOutage(add: () => Promise<void>, leader: KillableLeader, signal: AbortSignal): Promise<number | undefined> {
  using probe = new AcknowledgementProbe(add, PROBE_EVERY_MS);
  const { acknowledgedMs } = probe;
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
  return longestSilenceMs(acknowledgedMs, killedMs);
}

function hasRecovered(acknowledgedMs: readonly number[], killedMs: number): boolean {
  const nowMs = systemClock.nowMs();
  // The whole window is after the kill: earlier acknowledgements do not count.
  if (nowMs - RECOVERED_WINDOW_MS < killedMs) return false;
  const earliest = acknowledgedMs.at(-RECOVERED_ADDS);
  return earliest !== undefined && earliest >= nowMs - RECOVERED_WINDOW_MS;
}
