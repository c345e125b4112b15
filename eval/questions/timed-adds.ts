import { LaneLoad } from '../load/lane-load.ts';
import { measureSteadyState, type SteadyState } from '../load/steady-state.ts';
import { systemClock } from '../measuring/clock.ts';
import { summarizeLatency } from '../measuring/latency-summary.ts';

export interface TimedLoad {
  /** Number of adds in flight. */
  readonly lanes: number;
  readonly add: () => Promise<unknown>;
  /** The load ends after so many adds. Default: no bound. */
  readonly eventsMax?: number;
  /** Default: that of {@link measureSteadyState}. */
  readonly warmUpMsMax?: number;
}

/** The steady state, and the times from sending to acknowledgement with `lanes` in flight. */
export interface TimedState<T> extends SteadyState<T> {
  /** `perSecond`; `null` if nothing was measured. */
  readonly addsPerSecond: number | null;
  /** `null` where there are too few adds. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** Adds in their steady state, each of them timed. @param sample see {@link measureSteadyState}. @throws the error of an add. */
export async function measureTimedAdds<T>(
  { add, ...load }: TimedLoad,
  signal: AbortSignal,
  sample: () => T | Promise<T>,
): Promise<TimedState<T>> {
  let tookMs: number[] = [];
  const call = async (): Promise<void> => {
    const startMs = performance.now();
    await add();
    tookMs.push(performance.now() - startMs);
  };
  const takeSample = async (): Promise<{ readonly tookMs: readonly number[]; readonly value: T }> => {
    const taken = tookMs;
    tookMs = [];
    return { tookMs: taken, value: await sample() };
  };
  const { warmUpMsMax, ...options } = load;
  const state = await measureSteadyState(new LaneLoad({ ...options, call }), {
    clock: systemClock,
    signal,
    sample: takeSample,
    ...(warmUpMsMax === undefined ? {} : { warmUpMsMax }),
  });
  const { p50Ms, p99Ms } = summarizeLatency(state.samples?.after.tookMs ?? []);
  const samples = state.samples === undefined ? undefined : { before: state.samples.before.value, after: state.samples.after.value };
  return { ...state, samples, p50Ms, p99Ms, addsPerSecond: samples === undefined ? null : state.perSecond };
}

/**
 * Adds one after the other, each sent when the one before is acknowledged; no further one begins after `durationMsMax`.
 * @returns the time of each, in milliseconds.
 */
export async function timeAddsAlone(
  add: () => Promise<unknown>,
  { count, durationMsMax, signal }: { readonly count: number; readonly durationMsMax: number; readonly signal: AbortSignal },
): Promise<readonly number[]> {
  const tookMs: number[] = [];
  const untilMs = performance.now() + durationMsMax;
  while (tookMs.length < count && performance.now() < untilMs && !signal.aborted) {
    const startMs = performance.now();
    await add();
    tookMs.push(performance.now() - startMs);
  }
  return tookMs;
}
