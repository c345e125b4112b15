import { afterEach, beforeEach, vi } from 'vitest';

const FAKED = ['Date', 'performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const;

const TURN_MS = 0.2;

/**
 * In the tests of a file a fifth of a millisecond passes in each turn of the event loop. Calls within the process take a few turns, on any
 * machine, so that neither a busy nor a paused machine ends a deadline, a lease or a silence timeout early.
 */
export function countTimeInTurns(): void {
  let next: NodeJS.Immediate;
  const onTurn = (): void => {
    vi.advanceTimersByTime(TURN_MS);
    next = setImmediate(onTurn);
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: [...FAKED], now: Date.now() });
    next = setImmediate(onTurn);
  });
  afterEach(() => {
    clearImmediate(next);
    vi.useRealTimers();
  });
}
