import { DURATION_BOUNDS_MS, Histogram } from '../base/histogram.ts';
import type { LogIndex } from '../base/ids.ts';

interface Proposal {
  readonly index: LogIndex;
  readonly atMs: number;
}

/** Called for each entry of this leader that is committed. Must not throw. */
export type OnCommitted = (entry: { readonly index: number; readonly proposedMs: number; readonly committedMs: number }) => void;

/** How long the entries that this leader proposes take until they are committed. As many are open as the leader may hold uncommitted. */
export class CommitLatency {
  readonly histogram = new Histogram(DURATION_BOUNDS_MS);
  /** Set by the owner of the node, for tracing. */
  onCommittedEntry: OnCommitted | undefined;
  /** Proposed, oldest first; those before `#next` are committed. */
  #open: Proposal[] = [];
  #next = 0;

  onProposed(index: LogIndex, nowMs: number): void {
    this.#open.push({ index, atMs: nowMs });
  }

  onCommitted(commit: LogIndex, nowMs: number): void {
    for (let first = this.#open[this.#next]; first !== undefined && first.index <= commit; first = this.#open[this.#next]) {
      this.histogram.observe(nowMs - first.atMs);
      this.onCommittedEntry?.({ index: first.index, proposedMs: first.atMs, committedMs: nowMs });
      this.#next += 1;
    }
    if (this.#next * 2 < this.#open.length || this.#next === 0) return;
    this.#open = this.#open.slice(this.#next);
    this.#next = 0;
  }

  /** Another leader may replace what is open. */
  onLeadershipChanged(): void {
    this.#open = [];
    this.#next = 0;
  }
}
