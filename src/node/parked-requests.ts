import type { NodeId } from '../base/ids.ts';
import { MinHeap } from '../base/min-heap.ts';
import type { QueuedRequest } from './pending-requests.ts';

export interface ParkedRequest extends QueuedRequest {
  readonly topic: string;
  readonly demand: number;
  /** When it enters the log in any case, monotonic ms. */
  readonly expiresMs: number;
}

/** A request's place in its topic and among the expiries; a repeated request reuses the place. */
interface Place {
  /** Undefined once it was taken. */
  parked: ParkedRequest | undefined;
  readonly expiresMs: number;
}

/** The heap of expiries is cleared of taken requests once they exceed the waiting ones by this many. */
const TAKEN_PLACES_MAX = 1_024;

/**
 * Requests that wait at the leader until there is something for them, such as claims without a job. They are not in the log: a request that
 * finds nothing costs no write. When a leader fails, its parked requests are lost, and the clients send them again.
 */
export class ParkedRequests {
  /** Each topic's requests, the longest waiting first. */
  readonly #topics = new Map<string, Set<Place>>();
  /** Topics that may have something available: they had, or got something or another request, since the last check. */
  readonly #filled = new Set<string>();
  readonly #clients = new Map<number, Map<number, Place>>();
  readonly #expiries = new MinHeap<Place>((a, b) => a.expiresMs < b.expiresMs);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next request expires, monotonic ms; infinite while none waits, or the node would be woken repeatedly for nothing. */
  get nextExpiryMs(): number {
    return this.#nextToExpire()?.expiresMs ?? Number.POSITIVE_INFINITY;
  }

  has(client: number, sequence: number): boolean {
    return this.#clients.get(client)?.has(sequence) ?? false;
  }

  /** A request that is parked already keeps its place and its expiry; the reply goes to its latest origin. */
  park(parked: ParkedRequest): void {
    const known = this.#clients.get(parked.client)?.get(parked.sequence);
    if (known !== undefined) {
      known.parked = parked;
      return;
    }
    const place: Place = { parked, expiresMs: parked.expiresMs };
    const places = this.#topics.get(parked.topic);
    if (places === undefined) this.#topics.set(parked.topic, new Set([place]));
    else places.add(place);
    this.#filled.add(parked.topic);
    const sequences = this.#clients.get(parked.client);
    if (sequences === undefined) this.#clients.set(parked.client, new Map([[parked.sequence, place]]));
    else sequences.set(parked.sequence, place);
    this.#expiries.push(place);
    this.#size += 1;
  }

  /** A topic had nothing available and has something now. */
  onAvailable(topic: string): void {
    if (this.#topics.has(topic)) this.#filled.add(topic);
  }

  /**
   * The longest waiting requests, as many as can be served. Topics that have nothing, and are unchanged since the last call, cost nothing.
   */
  takeServable(available: (topic: string) => number): ParkedRequest[] {
    const taken: ParkedRequest[] = [];
    for (const topic of this.#filled) {
      let left = available(topic);
      if (left === 0) this.#filled.delete(topic);
      for (const { parked } of this.#topics.get(topic) ?? []) {
        if (left <= 0) break;
        if (parked === undefined) continue;
        left -= parked.demand;
        this.#remove(parked);
        taken.push(parked);
      }
    }
    return taken;
  }

  takeExpired(nowMs: number): ParkedRequest[] {
    const taken: ParkedRequest[] = [];
    for (let next = this.#nextToExpire(); next !== undefined && next.expiresMs <= nowMs; next = this.#nextToExpire()) {
      const { parked } = next;
      if (parked === undefined) continue;
      taken.push(parked);
      this.#remove(parked);
    }
    return taken;
  }

  takeOne(client: number, sequence: number): ParkedRequest | undefined {
    const parked = this.#clients.get(client)?.get(sequence)?.parked;
    if (parked !== undefined) this.#remove(parked);
    return parked;
  }

  /** Takes the requests of a channel that ended: to this node, or to the peer that forwarded them. */
  takeOfConnection(connection: number, peer: NodeId | undefined): ParkedRequest[] {
    return this.#takeWhere((parked) => parked.peer === peer && parked.connection === connection);
  }

  /** Takes the requests that a lost peer forwarded: their replies could not be delivered. */
  takeOfPeer(peer: NodeId): ParkedRequest[] {
    return this.#takeWhere((parked) => parked.peer === peer);
  }

  takeAll(): ParkedRequest[] {
    return this.#takeWhere(() => true);
  }

  #takeWhere(isTaken: (parked: ParkedRequest) => boolean): ParkedRequest[] {
    const taken: ParkedRequest[] = [];
    for (const places of this.#topics.values()) {
      for (const { parked } of places) if (parked !== undefined && isTaken(parked)) taken.push(parked);
    }
    for (const parked of taken) this.#remove(parked);
    return taken;
  }

  #remove({ client, sequence, topic }: ParkedRequest): void {
    const sequences = this.#clients.get(client);
    const place = sequences?.get(sequence);
    const places = this.#topics.get(topic);
    if (sequences === undefined || place === undefined || places === undefined) return;
    sequences.delete(sequence);
    if (sequences.size === 0) this.#clients.delete(client);
    places.delete(place);
    if (places.size === 0) {
      this.#topics.delete(topic);
      this.#filled.delete(topic);
    }
    place.parked = undefined;
    this.#size -= 1;
    if (this.#expiries.size > 2 * this.#size + TAKEN_PLACES_MAX) this.#expiries.retain(({ parked }) => parked !== undefined);
  }

  #nextToExpire(): Place | undefined {
    let next = this.#expiries.top();
    for (; next !== undefined && next.parked === undefined; next = this.#expiries.top()) this.#expiries.pop();
    return next;
  }
}
