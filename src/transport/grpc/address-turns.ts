/** Attempts at the known address before another one has its turn: the node may not run, or be cut off. They take 2 s, or 50 s where nothing replies. */
const PATIENCE = 8;
/** The same for a node that has called, and so runs. */
const PATIENCE_IF_CALLED = 1;

/**
 * Where the next attempt to reach a node is made. An address that leads to the node is kept. Others have their turns, one after the other, when the
 * known one does not lead there: after one attempt if the node runs, as it has called, else after several. The first that leads there is the known one.
 */
export class AddressTurns {
  readonly #others: () => readonly string[];
  #known: string;
  #latest: string;
  /** Attempts since the node was reached or has called. */
  #attempts = 0;
  #patience = PATIENCE;
  #life: number | undefined;

  /** @param others where else the node may be. */
  constructor(known: string, others: () => readonly string[]) {
    this.#others = others;
    this.#known = known;
    this.#latest = known;
  }

  get known(): string {
    return this.#known;
  }

  /** Whether the latest attempt was made at the known address. */
  get isKnown(): boolean {
    return this.#latest === this.#known;
  }

  /** An attempt begins. @returns its address. */
  next(): string {
    const addresses = [this.#known, ...this.#others().filter((address) => address !== this.#known)];
    const turn = Math.max(this.#attempts - this.#patience + 1, 0);
    this.#attempts += 1;
    this.#latest = addresses[turn % addresses.length] ?? this.#known;
    return this.#latest;
  }

  /** The latest attempt has reached the node. */
  onReached(): void {
    this.#known = this.#latest;
    this.#attempts = 0;
    this.#patience = PATIENCE;
  }

  /** The node has called. @param life of its process. An attempt that was begun before says nothing of where it is now. */
  onCalled(life: number): void {
    if (life === this.#life) return;
    this.#life = life;
    this.#attempts = 0;
    this.#patience = PATIENCE_IF_CALLED;
  }
}
