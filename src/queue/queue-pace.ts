import type { ByteReader, ByteWriter } from '../base/bytes.ts';

/** No limit, in place of a number from 1 on. */
export const NO_LIMIT = 0;

/** What limits how many jobs claims take of a queue. A queue without limits has none. */
export class QueuePace {
  /** Most active jobs of the queue, or NO_LIMIT. A job is active from its claim on, begun or not. */
  concurrencyMax = NO_LIMIT;
  /** Most jobs that can be active: as many as the limit, or those that were when it was lowered and have not ended. */
  activeMax = Number.POSITIVE_INFINITY;

  /** It limits nothing. */
  get isUnused(): boolean {
    return this.concurrencyMax === NO_LIMIT;
  }

  /** @param active number of active jobs of the queue. */
  setConcurrency(concurrencyMax: number, active: number): void {
    this.concurrencyMax = concurrencyMax;
    this.onActive(active);
  }

  /** A job is no longer active, or was restored. */
  onActive(active: number): void {
    this.activeMax = this.concurrencyMax === NO_LIMIT ? Number.POSITIVE_INFINITY : Math.max(this.concurrencyMax, active);
  }

  /** How many more jobs claims can take. */
  room(active: number): number {
    return this.concurrencyMax === NO_LIMIT ? Number.POSITIVE_INFINITY : Math.max(0, this.concurrencyMax - active);
  }
}

/** Of the parts of a pace in the record of a queue. */
export const PaceFlag = Object.freeze({ concurrency: 2 });

/** Which parts the record has. */
export const flagsOfPace = ({ concurrencyMax }: QueuePace): number => (concurrencyMax === NO_LIMIT ? 0 : PaceFlag.concurrency);

export function writePace(to: ByteWriter, pace: QueuePace): void {
  if (pace.concurrencyMax !== NO_LIMIT) to.u32(pace.concurrencyMax);
}

/** @returns undefined if the flags name none of its parts. @throws {MalformedBytesError} */
export function readPace(flags: number, from: ByteReader): QueuePace | undefined {
  const pace = new QueuePace();
  if ((flags & PaceFlag.concurrency) !== 0) pace.setConcurrency(from.u32(), 0);
  return pace.isUnused ? undefined : pace;
}
