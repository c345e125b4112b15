/** An event at a point in virtual time. */
interface Scheduled {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** Virtual time in ms: events run in the order of their due times, and in the order of planning at equal times. */
export class Schedule {
  nowMs = 0;
  /** Number of events so far. */
  events = 0;
  /** Total time in which everything was suspended. */
  suspendedMs = 0;
  #heap: Scheduled[] = [];
  #sequence = 0;

  /** When the next event is due; infinity if none is planned. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  at(atMs: number, run: () => void): void {
    this.#sequence += 1;
    const item: Scheduled = { atMs: Math.max(atMs, this.nowMs), sequence: this.#sequence, run };
    const heap = this.#heap;
    heap.push(item);
    let place = heap.length - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, item)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = item;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Suspends everything: all planned events move by this time. */
  suspend(durationMs: number): void {
    this.nowMs += durationMs;
    this.suspendedMs += durationMs;
    this.#heap = this.#heap.map(({ atMs, sequence, run }) => ({ atMs: atMs + durationMs, sequence, run }));
  }

  /** @returns false when nothing is planned up to `untilMs`; time is then `untilMs`. */
  runNext(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.nowMs = next.atMs;
    this.events += 1;
    next.run();
    return true;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      const leftItem = heap[left];
      const rightItem = heap[right];
      if (leftItem === undefined) break;
      const child = rightItem !== undefined && isBefore(rightItem, leftItem) ? right : left;
      const least = heap[child];
      if (least === undefined || isBefore(last, least)) break;
      heap[place] = least;
      place = child;
    }
    heap[place] = last;
  }
}

const isBefore = (one: Scheduled, other: Scheduled): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
