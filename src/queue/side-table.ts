/** Ids that share a map: a map that grows is copied, so none becomes large. */
const PAGE_IDS = 1_024;

/** What some jobs have beside themselves, by id. */
export class SideTable<Item extends { readonly id: number }> {
  readonly #pages = new Map<number, Map<number, Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Item | undefined {
    return this.#pages.get(Math.floor(id / PAGE_IDS))?.get(id);
  }

  add(item: Item): void {
    const number = Math.floor(item.id / PAGE_IDS);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Map();
      this.#pages.set(number, page);
    }
    if (!page.has(item.id)) this.#size += 1;
    page.set(item.id, item);
  }

  delete(id: number): void {
    const number = Math.floor(id / PAGE_IDS);
    const page = this.#pages.get(number);
    if (page?.delete(id) !== true) return;
    this.#size -= 1;
    if (page.size === 0) this.#pages.delete(number);
  }

  /** In no order. */
  *values(): Generator<Item> {
    for (const page of this.#pages.values()) yield* page.values();
  }
}
