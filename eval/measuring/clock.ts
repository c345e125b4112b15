import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** The clock and timer of the evaluation; faked in tests. */
export interface Clock {
  /** Milliseconds since an arbitrary moment, with fractions. */
  nowMs(): number;
  /** Resolves at `atMs` or later, never earlier; at once when the signal is aborted. */
  waitUntil(atMs: number, signal?: AbortSignal): Promise<void>;
}

/** A timer of Node.js fires up to this much late, since it counts whole milliseconds. */
const TIMER_GRAIN_MS = 1;

export const systemClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
  async waitUntil(atMs, signal) {
    // The timer is set to fire early, and the rest is polled turn by turn: a sender that is a
    // millisecond late each time would measure mostly its own delay.
    for (;;) {
      const leftMs = atMs - systemClock.nowMs();
      if (leftMs <= 0 || signal?.aborted) return;
      if (leftMs <= TIMER_GRAIN_MS) {
        await nextTurn();
        continue;
      }
      try {
        await sleep(Math.max(1, Math.floor(leftMs - TIMER_GRAIN_MS / 2)), undefined, signal === undefined ? {} : { signal });
      } catch {
        return;
      }
    }
  },
};
