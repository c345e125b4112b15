/** A binary heap: the item that comes before all others is on top. The order of items must not change while they are inside. */
export class MinHeap<Item> {
  readonly #items: Item[] = [];
  readonly #isBefore: (a: Item, b: Item) => boolean;

  constructor(isBefore: (a: Item, b: Item) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  top(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = items[parentAt] as Item;
      if (!this.#isBefore(item, parent)) break;
      items[at] = parent;
      at = parentAt;
    }
    items[at] = item;
  }

  pop(): Item | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    const size = items.length;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.#isBefore(items[child + 1] as Item, items[child] as Item)) child += 1;
      const next = items[child] as Item;
      if (!this.#isBefore(next, last)) break;
      items[at] = next;
      at = child;
    }
    items[at] = last;
    return top;
  }

  /** The items, in no particular order. */
  values(): readonly Item[] {
    return this.#items;
  }

  /** Drops the items that `isKept` rejects. */
  retain(isKept: (item: Item) => boolean): void {
    const kept = this.#items.filter(isKept);
    this.#items.length = 0;
    for (const item of kept) this.push(item);
  }
}
