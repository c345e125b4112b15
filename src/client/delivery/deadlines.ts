import type { Batch } from './batch.ts';
import type { RepeatedOperation } from './pending-operation.ts';

/**
 * When the time of calls is over, and when something is due next. For most calls it is the deadline of their batch. A kept call has as long
 * as its lease may live, which an outage prolongs: while no leader is known its time does not pass, and after that at least one deadline is
 * left for a reply.
 */
export class Deadlines {
  readonly #deadlineMs: number;
  readonly #isSearching: () => boolean;
  #settledAtMs = 0;
  #closedAtMs: number | undefined;

  /** @param isSearching whether no leader is known. */
  constructor(deadlineMs: number, isSearching: () => boolean) {
    this.#deadlineMs = deadlineMs;
    this.#isSearching = isSearching;
  }

  /** There is a node to send to. */
  onSettled(nowMs: number): void {
    this.#settledAtMs = nowMs;
  }

  /** The client closes: no call waits longer than one deadline from now. */
  onClosed(nowMs: number): void {
    this.#closedAtMs = nowMs;
  }

  isOver(call: RepeatedOperation, batch: Batch, nowMs: number): boolean {
    if (this.#closedAtMs !== undefined) return nowMs >= this.#closedAtMs + this.#deadlineMs;
    const untilMs = Math.max(call.untilMs(), batch.deadlineMs);
    if (!call.outlivesOutage()) return nowMs >= untilMs;
    return !this.#isSearching() && nowMs >= Math.max(untilMs, this.#settledAtMs + this.#deadlineMs);
  }

  /** Whether the time of a call of the batch may be over. */
  isDue(batch: Batch, nowMs: number): boolean {
    return (batch.ordinary > 0 && batch.deadlineMs <= nowMs) || this.#keptFromMs(batch, nowMs) <= nowMs;
  }

  /** When the time of a call of the batch may be over next. */
  nextDueMs(batch: Batch, nowMs: number): number {
    const fromMs = this.#keptFromMs(batch, nowMs);
    const putOffMs = this.#settledAtMs + this.#deadlineMs;
    const keptMs = fromMs > nowMs ? fromMs : putOffMs > nowMs ? putOffMs : Number.POSITIVE_INFINITY;
    return batch.ordinary > 0 ? Math.min(batch.deadlineMs, keptMs) : keptMs;
  }

  #keptFromMs(batch: Batch, nowMs: number): number {
    return this.#closedAtMs === undefined || batch.kept === 0 ? batch.keptDueMs(nowMs) : this.#closedAtMs + this.#deadlineMs;
  }
}
