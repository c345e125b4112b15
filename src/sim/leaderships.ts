import type { Leadership, Stop } from '../history/checkers/lease-clock.ts';

/** How much of an interval in which nothing ran may count. */
const COUNTED_MS_MAX = 1_000;

/** Leaderships in true time, as the checkers of histories need them. */
export class Leaderships {
  readonly #all: { readonly node: number; readonly term: number; readonly fromMs: number; toMs: number }[] = [];

  readonly #stops: Stop[] = [];

  onElected(node: number, term: number, nowMs: number): void {
    this.onEnded(node, nowMs);
    this.#all.push({ node, term, fromMs: nowMs, toMs: Number.POSITIVE_INFINITY });
  }

  /** The node stepped down or ended. */
  onEnded(node: number, nowMs: number): void {
    for (const leadership of this.#all) if (leadership.node === node) leadership.toMs = Math.min(leadership.toMs, nowMs);
  }

  /** Nothing ran. The log's clock may have advanced a little. */
  onSuspended(fromMs: number, toMs: number): void {
    this.#stops.push({ fromUs: (fromMs + COUNTED_MS_MAX) * 1_000, toUs: toMs * 1_000 });
  }

  get stops(): readonly Stop[] {
    return this.#stops;
  }

  /** In the order of their terms. */
  inOrder(): Leadership[] {
    const ordered = this.#all.toSorted((one, other) => one.term - other.term);
    return ordered.map(({ fromMs, toMs }) => ({ fromUs: fromMs * 1_000, toUs: toMs * 1_000 }));
  }
}
