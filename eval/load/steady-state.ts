import type { Clock } from '../measuring/clock.ts';

/** A load that runs from `start` until `stop`. */
export interface SteadyLoad {
  start(): void;
  /** Resolves when nothing is in flight any more. @throws the error that ended the load. */
  stop(): Promise<void>;
  /** Completed events since the start. */
  completed(): number;
  /** Whether the load ended by itself: it failed, or reached its bound. */
  isEnded(): boolean;
}

export interface SteadyStateOptions<T> {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called when the measured time begins, and when it has ended; such as counters of the nodes. */
  readonly sample: () => T | Promise<T>;
  readonly windowMs?: number;
  /** Number of consecutive windows that have to agree. */
  readonly agreeingWindows?: number;
  /** They agree if the highest rate is at most this share above the lowest. */
  readonly tolerance?: number;
  readonly warmUpMsMax?: number;
  readonly measureMs?: number;
}

export interface SteadyState<T = unknown> {
  /** Events per second of the first window: the cold start. NaN if it did not end. */
  readonly firstSecondPerSecond: number;
  readonly warmUpMs: number;
  /** False if the rates did not agree within the maximum warm-up, or the measured time is shorter than requested. */
  readonly isSteady: boolean;
  /** Events per second of the measured time; NaN if there was none. */
  readonly perSecond: number;
  /** Events per second of each window that ended, warm-up first. */
  readonly windows: readonly number[];
  readonly measuredMs: number;
  /** Undefined if nothing was measured. */
  readonly samples: { readonly before: T; readonly after: T } | undefined;
}

export const STEADY_STATE_DEFAULTS = Object.freeze({
  windowMs: 1000,
  agreeingWindows: 3,
  tolerance: 0.05,
  warmUpMsMax: 20_000,
  measureMs: 10_000,
});

/** Typical duration of {@link measureSteadyState}: two cold windows, three that agree, and the measured time. */
export const STEADY_STATE_EXPECTED_MS = 15_000;

/**
 * Runs a load until its rate is steady, then measures it. An abort ends it early, with what was measured so far.
 * @throws the error of the load.
 */
export async function measureSteadyState<T>(load: SteadyLoad, options: SteadyStateOptions<T>): Promise<SteadyState<T>> {
  const { clock, signal, sample, windowMs, agreeingWindows, tolerance, warmUpMsMax, measureMs } = { ...STEADY_STATE_DEFAULTS, ...options };
  const windows = new Windows(load, clock, windowMs);
  const isOver = (): boolean => signal.aborted || load.isEnded();
  const startMs = clock.nowMs();
  load.start();
  try {
    let isSteady = false;
    while (!isSteady && !isOver() && clock.nowMs() - startMs < warmUpMsMax) {
      await windows.next(signal);
      isSteady = agree(windows.rates.slice(-agreeingWindows), agreeingWindows, tolerance);
    }
    const warmUpMs = clock.nowMs() - startMs;
    const coldPart = { firstSecondPerSecond: windows.rates[0] ?? Number.NaN, warmUpMs };
    if (isOver()) {
      return { ...coldPart, isSteady: false, perSecond: Number.NaN, windows: windows.rates, measuredMs: 0, samples: undefined };
    }
    const before = await sample();
    const measuredFromMs = windows.restart();
    const completedBefore = load.completed();
    while (!isOver() && clock.nowMs() - measuredFromMs < measureMs) await windows.next(signal);
    const measuredMs = clock.nowMs() - measuredFromMs;
    const events = load.completed() - completedBefore;
    const after = await sample();
    return {
      ...coldPart,
      isSteady: isSteady && measuredMs >= measureMs,
      perSecond: (events * 1000) / measuredMs,
      windows: windows.rates,
      measuredMs,
      samples: { before, after },
    };
  } finally {
    await load.stop();
  }
}

/** Whether there are enough rates, and the highest exceeds the lowest by at most the tolerance. A load without any event is not steady. */
function agree(rates: readonly number[], count: number, tolerance: number): boolean {
  const lowest = Math.min(...rates);
  return rates.length >= count && lowest > 0 && Math.max(...rates) <= lowest * (1 + tolerance);
}

/** Rates of consecutive windows. A window that the clock ends late is divided by its real duration. */
class Windows {
  readonly rates: number[] = [];
  readonly #load: SteadyLoad;
  readonly #clock: Clock;
  readonly #windowMs: number;
  #fromMs: number;
  #completed = 0;

  constructor(load: SteadyLoad, clock: Clock, windowMs: number) {
    this.#load = load;
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#fromMs = clock.nowMs();
  }

  /** A window begins now. @returns the time. */
  restart(): number {
    this.#fromMs = this.#clock.nowMs();
    this.#completed = this.#load.completed();
    return this.#fromMs;
  }

  /** Waits until the window has ended; one that was aborted is not recorded. */
  async next(signal: AbortSignal): Promise<void> {
    await this.#clock.waitUntil(this.#fromMs + this.#windowMs, signal);
    const tookMs = this.#clock.nowMs() - this.#fromMs;
    if (tookMs >= this.#windowMs) this.rates.push(((this.#load.completed() - this.#completed) * 1000) / tookMs);
    this.restart();
  }
}
