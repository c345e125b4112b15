import type { LogIndex } from '../base/ids.ts';
import type { Reservation } from './request-policy.ts';

interface InLog {
  readonly index: LogIndex;
  readonly reservations: readonly Reservation[];
}

/** The reservations of a leader's requests, from when they enter the log until they are applied. */
export class Reservations {
  /** In the order of the log. */
  readonly #inLog: InLog[] = [];

  /** The requests are in the log. */
  onProposed(index: LogIndex, reservations: readonly Reservation[]): void {
    if (reservations.length > 0) this.#inLog.push({ index, reservations });
  }

  onApplied(applied: LogIndex): void {
    let done = 0;
    for (; done < this.#inLog.length; done += 1) {
      const entry = this.#inLog[done];
      if (entry === undefined || entry.index > applied) break;
      for (const reservation of entry.reservations) reservation.release();
    }
    if (done > 0) this.#inLog.splice(0, done);
  }

  /** This node no longer leads, or leads a new term. */
  releaseAll(): void {
    for (const { reservations } of this.#inLog.splice(0)) for (const reservation of reservations) reservation.release();
  }
}
