/** Holders that are kept of each kind beyond those with a channel; the oldest is dropped. As many as a node takes clients. */
const KEPT_MAX = 10_000;
/** Longer than leases usually last. */
const KEPT_MS_MAX = 3_600_000;

/** What one node knows of the holders whose channels it had. */
export interface HoldersReport {
  /** For how long the node has kept this record. */
  readonly knownForMs: number;
  /** Those that may be there: with an open channel, or with one that ended without a sign that its process has ended. */
  readonly open: readonly number[];
  /** Those whose last channel they ended themselves, by closing it or with their process. */
  readonly ended: readonly { readonly holder: number; readonly agoMs: number }[];
}

/** The holders of leases that have, or had, a channel to this node. Bounded in number and time. */
export class HolderRecord {
  readonly #channels = new Map<number, number>();
  /** Since when, monotonic ms; the oldest first. */
  readonly #silent = new Map<number, number>();
  readonly #ended = new Map<number, number>();
  #knownSinceMs: number;

  constructor(nowMs: number) {
    this.#knownSinceMs = nowMs;
  }

  onOpened(holder: number): void {
    this.#channels.set(holder, (this.#channels.get(holder) ?? 0) + 1);
    this.#silent.delete(holder);
    this.#ended.delete(holder);
  }

  /** @param isEnded whether the holder ended it; false where it merely stopped replying, as a process whose event loop is blocked. */
  onClosed(holder: number, isEnded: boolean, nowMs: number): void {
    const others = (this.#channels.get(holder) ?? 0) - 1;
    if (others > 0) {
      this.#channels.set(holder, others);
      return;
    }
    this.#channels.delete(holder);
    (isEnded ? this.#ended : this.#silent).set(holder, nowMs);
    dropOldest(this.#ended, nowMs);
    // One that is forgotten may still be there: what this record says counts from now on only.
    if (dropOldest(this.#silent, nowMs)) this.#knownSinceMs = nowMs;
  }

  report(nowMs: number): HoldersReport {
    return {
      knownForMs: nowMs - this.#knownSinceMs,
      open: [...this.#channels.keys(), ...keptOf(this.#silent, nowMs).map(([holder]) => holder)],
      ended: keptOf(this.#ended, nowMs).map(([holder, atMs]) => ({ holder, agoMs: nowMs - atMs })),
    };
  }
}

const keptOf = (holders: ReadonlyMap<number, number>, nowMs: number): [number, number][] =>
  [...holders].filter(([, atMs]) => nowMs - atMs < KEPT_MS_MAX);

/** @returns whether one was dropped before its time. */
function dropOldest(holders: Map<number, number>, nowMs: number): boolean {
  for (const [holder, atMs] of holders) {
    const isOver = nowMs - atMs >= KEPT_MS_MAX;
    if (!isOver && holders.size <= KEPT_MAX) return false;
    holders.delete(holder);
    if (!isOver) return true;
  }
  return false;
}
