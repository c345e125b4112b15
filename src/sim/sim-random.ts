import { SeededRandom } from '../base/random.ts';

/** Random numbers that depend on the seed alone. */
export class SimRandom {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  withProbability(probability: number): boolean {
    return this.#random.nextUnit() < probability;
  }

  /** An integer in [0, end). */
  below(end: number): number {
    return Math.floor(this.#random.nextUnit() * end);
  }

  between(from: number, to: number): number {
    return this.#random.nextBetween(from, to);
  }

  of<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }

  uint32(): number {
    return this.#random.nextUint32();
  }
}
