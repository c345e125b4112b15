/** Counts how many jobs use each shared thing. */
export class UseCount {
  readonly #counts = new Map<number, number>();

  /** @returns whether it is the first use. */
  add(key: number): boolean {
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    return count === 0;
  }

  /** @returns whether that was the last use. */
  remove(key: number): boolean {
    const left = (this.#counts.get(key) ?? 0) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
    return left <= 0;
  }
}
