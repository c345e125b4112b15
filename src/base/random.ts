/**
 * A small seeded generator (sfc32): the same seed produces the same numbers on every machine, so that a run can be
 * replayed. Not for secrets.
 */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any integer; only its low 32 bits count. */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = 0x9e3779b9;
    this.#c = (seed ^ 0x243f6a88) | 0;
    // The first outputs still depend visibly on the seed; the generator's author recommends twelve rounds.
    for (let round = 0; round < 12; round += 1) this.nextUint32();
  }

  /** @returns an integer in [0, 2^32). */
  nextUint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** @returns a number in [0, 1). */
  nextUnit(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  /** @returns a number in [from, to). */
  nextBetween(from: number, to: number): number {
    return from + this.nextUnit() * (to - from);
  }
}
