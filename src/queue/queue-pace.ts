import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { firstWindow, type RateLimit, RateWindow, readWindow, WindowKind, writeWindow } from './rate-window.ts';

/** No limit, in place of a number from 1 on. */
export const NO_LIMIT = 0;

/** What limits how many jobs claims take of a queue. A queue without limits has none. */
export class QueuePace {
  /** Most active jobs of the queue, or NO_LIMIT. A job is active from its claim on, begun or not. */
  concurrencyMax = NO_LIMIT;
  /** Most jobs that can be active: as many as the limit, or those that were when it was lowered and have not ended. */
  activeMax = Number.POSITIVE_INFINITY;
  /** Most jobs that claims take within a time. */
  rate: RateLimit | undefined = undefined;
  /** The time that runs; undefined until a claim takes a job. */
  window: RateWindow | undefined = undefined;

  /** It limits nothing. */
  get isUnused(): boolean {
    return this.concurrencyMax === NO_LIMIT && this.rate === undefined && this.window === undefined;
  }

  /** @param active number of active jobs of the queue. */
  setConcurrency(concurrencyMax: number, active: number): void {
    this.concurrencyMax = concurrencyMax;
    this.onActive(active);
  }

  /**
   * A window that runs, also one of a limit that a claim brought, gets the new number, and ends within the new time from now.
   * @param rate undefined for none: then the window of the limit before ends.
   */
  setRate(rate: RateLimit | undefined, logMs: number): void {
    this.rate = rate;
    const { window } = this;
    if (window === undefined || window.kind === WindowKind.hold) return;
    if (rate !== undefined) this.window = window.changed(rate, logMs);
    else if (window.kind === WindowKind.rate) this.window = undefined;
  }

  /** Claims take nothing for this time, in place of a window that runs; 0 ends such a time, and a window. */
  hold(holdMs: number, logMs: number): void {
    this.window = holdMs === 0 ? undefined : new RateWindow(WindowKind.hold, 0, logMs + holdMs);
  }

  /** A job is no longer active, or was restored. */
  onActive(active: number): void {
    this.activeMax = this.concurrencyMax === NO_LIMIT ? Number.POSITIVE_INFINITY : Math.max(this.concurrencyMax, active);
  }

  /** A claim took a job: it is the first of a window if none runs. @param limiter that the claim brings. */
  onTaken(limiter: RateLimit | undefined, logMs: number): void {
    this.window ??= firstWindow(this.rate, limiter, logMs);
    if (this.window !== undefined) this.window.taken += 1;
  }

  /** How many more jobs claims can take. */
  claimableMax(active: number): number {
    const ofRate = this.window?.left ?? this.rate?.max ?? Number.POSITIVE_INFINITY;
    return this.concurrencyMax === NO_LIMIT ? ofRate : Math.min(ofRate, Math.max(0, this.concurrencyMax - active));
  }

  /**
   * For how many ms claims take nothing because of a window.
   * @param takenMin as if the window ended with this number of jobs; 0 for its own.
   */
  heldMs(takenMin: number, logMs: number): number {
    const { window } = this;
    if (window === undefined) return 0;
    const isFull = takenMin === 0 || window.kind === WindowKind.hold ? window.left === 0 : window.taken >= takenMin;
    return isFull ? Math.max(0, window.endMs - logMs) : 0;
  }
}

/** Of the parts of a pace in the record of a queue. */
export const PaceFlag = Object.freeze({ concurrency: 2, rate: 4, window: 8 });

/** Which parts the record has. */
export const flagsOfPace = ({ concurrencyMax, rate, window }: QueuePace): number =>
  (concurrencyMax === NO_LIMIT ? 0 : PaceFlag.concurrency) |
  (rate === undefined ? 0 : PaceFlag.rate) |
  (window === undefined ? 0 : PaceFlag.window);

export function writePace(to: ByteWriter, { concurrencyMax, rate, window }: QueuePace): void {
  if (concurrencyMax !== NO_LIMIT) to.u32(concurrencyMax);
  if (rate !== undefined) {
    to.u32(rate.max);
    to.f64(rate.durationMs);
  }
  if (window !== undefined) writeWindow(to, window);
}

/** @returns undefined if the flags name none of its parts. @throws {MalformedBytesError} */
export function readPace(flags: number, from: ByteReader): QueuePace | undefined {
  const pace = new QueuePace();
  if ((flags & PaceFlag.concurrency) !== 0) pace.setConcurrency(from.u32(), 0);
  if ((flags & PaceFlag.rate) !== 0) pace.rate = { max: from.u32(), durationMs: from.f64() };
  if ((flags & PaceFlag.window) !== 0) pace.window = readWindow(from);
  return pace.isUnused ? undefined : pace;
}
