import type { Schedule } from '../base/schedule.ts';

/** Calls a node's turns in virtual time, in place of the event loop of a thread: at the earliest requested time, and not while it is busy. */
export class TurnSchedule {
  readonly #schedule: Schedule;
  readonly #turn: () => void;
  /** Until then the node's thread is busy or stopped. */
  #busyUntilMs = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #wakes = 0;

  constructor(schedule: Schedule, turn: () => void) {
    this.#schedule = schedule;
    this.#turn = turn;
  }

  /** Input arrived, or a deadline moved: a turn is due at `atMs`, or when the thread is free. */
  wake(atMs: number): void {
    const dueMs = Math.max(atMs, this.#busyUntilMs, this.#schedule.nowMs);
    if (dueMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = dueMs;
    this.#wakes += 1;
    const wake = this.#wakes;
    this.#schedule.at(dueMs, () => {
      if (wake === this.#wakes) this.#onWake();
    });
  }

  /** No turn begins before `untilMs`. */
  busyUntil(untilMs: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, untilMs);
  }

  /** The node ended: its next turn is that of its next life. */
  stop(): void {
    this.#busyUntilMs = this.#schedule.nowMs;
    this.#wakes += 1;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
  }

  /** Everything was suspended for this time. */
  onSuspended(durationMs: number): void {
    this.#busyUntilMs += durationMs;
    this.#wakeAtMs += durationMs;
  }

  #onWake(): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    if (this.#schedule.nowMs < this.#busyUntilMs) this.wake(this.#busyUntilMs);
    else this.#turn();
  }
}
