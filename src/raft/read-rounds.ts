import type { LogIndex } from '../base/ids.ts';
import type { ReadableBatch } from './effects.ts';

/** A batch of reads that waits for a heartbeat round that began after it. */
interface WaitingRead extends ReadableBatch {
  readonly round: number;
}

/** Earlier than the beginning of any lease. */
const LONG_AGO_MS = -Number.MAX_SAFE_INTEGER;

/**
 * The leader's heartbeat rounds, and the reads that wait for them (thesis §6.4). A majority that replies to a round still followed this
 * leader when the round began: no later leader had committed anything by then, so a read that arrived before it must see what was
 * committed here.
 */
export class ReadRounds {
  /** Only grows; counted from the beginning of the term. */
  #current = 0;
  /** Reads that arrived since the last round began, or before the leader knew what is committed. */
  #pending: number[] = [];
  /** In the order of their rounds, each at most the current one. */
  #waiting: WaitingRead[] = [];
  /** When recent rounds began, oldest first; kept only for leases. */
  #begun: { readonly round: number; readonly atMs: number }[] = [];

  /** The current round: every AppendEntries carries it. */
  get current(): number {
    return this.#current;
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  pend(batch: number): void {
    this.#pending.push(batch);
  }

  /** @param keptMs how long the start time of a round is kept. */
  begin(nowMs: number, keptMs: number): void {
    this.#current += 1;
    if (keptMs <= 0) return;
    this.#begun.push({ round: this.#current, atMs: nowMs });
    while ((this.#begun[0]?.atMs ?? nowMs) < nowMs - keptMs) this.#begun.shift();
  }

  /** The pending reads wait for the round that just began. @param commit what they must see. */
  admit(commit: LogIndex): void {
    for (const batch of this.#pending) this.#waiting.push({ batch, index: commit, round: this.#current });
    this.#pending = [];
  }

  /** @param confirmed the latest round that a majority replied to. */
  takeConfirmed(confirmed: number): readonly ReadableBatch[] {
    if (this.#waiting.length === 0) return [];
    const until = this.#waiting.findIndex(({ round }) => round > confirmed);
    return this.#waiting.splice(0, until < 0 ? this.#waiting.length : until).map(({ batch, index }) => ({ batch, index }));
  }

  /** When a round began, monotonic ms; far in the past if unknown. */
  begunAtMs(round: number): number {
    return this.#begun.findLast((begun) => begun.round <= round)?.atMs ?? LONG_AGO_MS;
  }
}
