import { invariant } from '../base/invariant.ts';
import { MinHeap } from '../base/min-heap.ts';
import type { QueryWait } from './state-machine.ts';

interface Parked<Item> {
  readonly item: Item;
  readonly wait: QueryWait;
  /** When it is answered in any case, monotonic ms. */
  readonly expiresMs: number;
  /** It was taken, and is skipped in the heap. */
  isTaken: boolean;
}

/** The heap of expiries is cleared of taken queries once they exceed the waiting ones by this many. */
const TAKEN_MAX = 1_024;

/**
 * Queries that wait at this node until there is something to read, whichever node leads. The log has nothing of them; if the node fails, they are
 * lost, and their clients send them again.
 */
export class ParkedQueries<Item extends { readonly connection: number; readonly client: number; readonly sequence: number }> {
  readonly #topics = new Map<string, Set<Parked<Item>>>();
  readonly #readable = new Set<string>();
  readonly #expiries = new MinHeap<Parked<Item>>((a, b) => a.expiresMs < b.expiresMs);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next one expires, monotonic ms; Infinity if none waits. */
  get nextExpiryMs(): number {
    return this.#next()?.expiresMs ?? Number.POSITIVE_INFINITY;
  }

  park(item: Item, wait: QueryWait, nowMs: number): void {
    const parked = { item, wait, expiresMs: nowMs + wait.waitMs, isTaken: false };
    const ofTopic = this.#topics.get(wait.topic);
    if (ofTopic === undefined) this.#topics.set(wait.topic, new Set([parked]));
    else ofTopic.add(parked);
    this.#expiries.push(parked);
    this.#size += 1;
  }

  /** Something of the topic, or of any with undefined, may be readable. Cheap. */
  onReadable(topic: string | undefined): void {
    if (topic === undefined) for (const each of this.#topics.keys()) this.#readable.add(each);
    else if (this.#topics.has(topic)) this.#readable.add(topic);
  }

  /** Those that have something to read, and those that have waited long enough. */
  take(nowMs: number): Item[] {
    const taken: Parked<Item>[] = [];
    for (const topic of this.#readable) for (const parked of this.#topics.get(topic) ?? []) if (parked.wait.isReady()) taken.push(parked);
    this.#readable.clear();
    for (const parked of taken) this.#remove(parked);
    for (let next = this.#next(); next !== undefined && next.expiresMs <= nowMs; next = this.#next()) {
      const { wait } = next;
      invariant(!wait.isReady(), () => `a query waited for ${wait.topic}, where there was something to read`);
      this.#remove(next);
      taken.push(next);
    }
    return taken.map(({ item }) => item);
  }

  /** A client's channel has ended. */
  dropConnection(connection: number): void {
    this.#dropWhere((item) => item.connection === connection);
  }

  /** A client cancelled it. */
  drop(connection: number, client: number, sequence: number): void {
    this.#dropWhere((item) => item.connection === connection && item.client === client && item.sequence === sequence);
  }

  #dropWhere(isDropped: (item: Item) => boolean): void {
    if (this.#size === 0) return;
    for (const ofTopic of this.#topics.values()) for (const parked of ofTopic) if (isDropped(parked.item)) this.#remove(parked);
  }

  #remove(parked: Parked<Item>): void {
    parked.isTaken = true;
    this.#size -= 1;
    const { topic } = parked.wait;
    const ofTopic = this.#topics.get(topic);
    ofTopic?.delete(parked);
    if (ofTopic?.size === 0) this.#topics.delete(topic);
    if (this.#expiries.size > 2 * this.#size + TAKEN_MAX) this.#expiries.retain(({ isTaken }) => !isTaken);
  }

  #next(): Parked<Item> | undefined {
    let next = this.#expiries.top();
    for (; next?.isTaken === true; next = this.#expiries.top()) this.#expiries.pop();
    return next;
  }
}
