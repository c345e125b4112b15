/** A pending timer. */
export interface ClientTimer {
  /** Without effect once it has fired. */
  cancel(): void;
}

/** The time of a client: that of its process, or one that a test moves. */
export interface ClientClock {
  /** Monotonic, in ms from any moment on. */
  nowMs(): number;
  /** The time of day, in ms since 1970. */
  wallMs(): number;
  /** Calls `run` once, `delayMs` from now. */
  setTimer(run: () => void, delayMs: number): ClientTimer;
}

export const SYSTEM_CLOCK: ClientClock = Object.freeze({
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (run: () => void, delayMs: number) => {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
});
