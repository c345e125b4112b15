import { SeededRandom } from '../base/random.ts';
import type { Schedule } from '../base/schedule.ts';
import type { DeliveryHost } from '../client/delivery/host.ts';

/** Runs a client's delivery in simulated time. A client that ended is called no more. */
export class SimulatedTime implements DeliveryHost {
  readonly random: SeededRandom;
  readonly #schedule: Schedule;
  /** The latest time replaces all others. */
  #wakes = 0;
  #isOver = false;

  constructor(schedule: Schedule, seed: number) {
    this.#schedule = schedule;
    this.random = new SeededRandom(seed);
  }

  nowMs(): number {
    return this.#schedule.nowMs;
  }

  atTurnEnd(run: () => void): void {
    this.#schedule.after(0, () => {
      if (!this.#isOver) run();
    });
  }

  wakeAt(atMs: number, run: () => void): void {
    this.#wakes += 1;
    const wake = this.#wakes;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#schedule.at(atMs, () => {
      if (wake === this.#wakes && !this.#isOver) run();
    });
  }

  /** The client's process ends. */
  end(): void {
    this.#isOver = true;
  }
}
