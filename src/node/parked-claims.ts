import type { NodeId } from '../base/ids.ts';
import { MinHeap } from '../queue/min-heap.ts';
import type { ClaimingRequest } from './claim-budget.ts';
import type { PendingRequest } from './pending-requests.ts';

export interface ParkedClaim extends PendingRequest, ClaimingRequest {
  readonly queue: string;
  readonly countMax: number;
  /** When the claim gets an empty reply, monotonic ms. */
  readonly expiresMs: number;
}

/** A claim's place in its queue and among the expiries; a repeated claim reuses the place. */
interface Place {
  /** Undefined once it was taken. */
  claim: ParkedClaim | undefined;
  readonly expiresMs: number;
}

/** The heap of expiries is cleared of taken claims once they exceed the waiting ones by this many. */
const TAKEN_PLACES_MAX = 1_024;

/**
 * Claims that wait at the leader for a job. They are not in the log: a claim that finds nothing costs no write. When a leader
 * fails, its parked claims are lost, and the clients send them again.
 */
export class ParkedClaims {
  /** Each queue's claims, the longest waiting first. */
  readonly #queues = new Map<string, Set<Place>>();
  /** Queues that may have waiting jobs: they had some, or got their first one or another claim, since the last check. */
  readonly #filled = new Set<string>();
  readonly #clients = new Map<number, Map<number, Place>>();
  readonly #expiries = new MinHeap<Place>((a, b) => a.expiresMs < b.expiresMs);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next claim expires, monotonic ms; infinite while no claim waits, or the node would be woken repeatedly for nothing. */
  get nextExpiryMs(): number {
    return this.#nextToExpire()?.expiresMs ?? Number.POSITIVE_INFINITY;
  }

  has(client: number, sequence: number): boolean {
    return this.#clients.get(client)?.has(sequence) ?? false;
  }

  /** A claim that is parked already keeps its place and its expiry; the reply goes to its latest origin. */
  park(claim: ParkedClaim): void {
    const known = this.#clients.get(claim.client)?.get(claim.sequence);
    if (known !== undefined) {
      known.claim = claim;
      return;
    }
    const place: Place = { claim, expiresMs: claim.expiresMs };
    const places = this.#queues.get(claim.queue);
    if (places === undefined) this.#queues.set(claim.queue, new Set([place]));
    else places.add(place);
    this.#filled.add(claim.queue);
    const sequences = this.#clients.get(claim.client);
    if (sequences === undefined) this.#clients.set(claim.client, new Map([[claim.sequence, place]]));
    else sequences.set(claim.sequence, place);
    this.#expiries.push(place);
    this.#size += 1;
  }

  /** A queue had no waiting job and has one now. */
  onQueueFilled(queue: string): void {
    if (this.#queues.has(queue)) this.#filled.add(queue);
  }

  /**
   * The longest waiting claims, as many as the waiting jobs can serve. Queues without jobs, and unchanged since the last call, cost
   * nothing.
   */
  takeServable(waitingCount: (queue: string) => number): ParkedClaim[] {
    const taken: ParkedClaim[] = [];
    for (const queue of this.#filled) {
      let jobs = waitingCount(queue);
      if (jobs === 0) this.#filled.delete(queue);
      for (const { claim } of this.#queues.get(queue) ?? []) {
        if (jobs <= 0) break;
        if (claim === undefined) continue;
        jobs -= claim.countMax;
        this.#remove(claim);
        taken.push(claim);
      }
    }
    return taken;
  }

  takeExpired(nowMs: number): ParkedClaim[] {
    const taken: ParkedClaim[] = [];
    for (let next = this.#nextToExpire(); next !== undefined && next.expiresMs <= nowMs; next = this.#nextToExpire()) {
      const { claim } = next;
      if (claim === undefined) continue;
      taken.push(claim);
      this.#remove(claim);
    }
    return taken;
  }

  takeOne(client: number, sequence: number): ParkedClaim | undefined {
    const claim = this.#clients.get(client)?.get(sequence)?.claim;
    if (claim !== undefined) this.#remove(claim);
    return claim;
  }

  /** Takes the claims of a channel that ended: to this node, or to the peer that forwarded them. */
  takeOfConnection(connection: number, peer: NodeId | undefined): ParkedClaim[] {
    return this.#takeWhere((claim) => claim.peer === peer && claim.connection === connection);
  }

  /** Takes the claims that a lost peer forwarded: their replies could not be delivered. */
  takeOfPeer(peer: NodeId): ParkedClaim[] {
    return this.#takeWhere((claim) => claim.peer === peer);
  }

  takeAll(): ParkedClaim[] {
    return this.#takeWhere(() => true);
  }

  #takeWhere(isTaken: (claim: ParkedClaim) => boolean): ParkedClaim[] {
    const taken: ParkedClaim[] = [];
    for (const places of this.#queues.values()) {
      for (const { claim } of places) if (claim !== undefined && isTaken(claim)) taken.push(claim);
    }
    for (const claim of taken) this.#remove(claim);
    return taken;
  }

  #remove({ client, sequence, queue }: ParkedClaim): void {
    const sequences = this.#clients.get(client);
    const place = sequences?.get(sequence);
    const places = this.#queues.get(queue);
    if (sequences === undefined || place === undefined || places === undefined) return;
    sequences.delete(sequence);
    if (sequences.size === 0) this.#clients.delete(client);
    places.delete(place);
    if (places.size === 0) {
      this.#queues.delete(queue);
      this.#filled.delete(queue);
    }
    place.claim = undefined;
    this.#size -= 1;
    if (this.#expiries.size > 2 * this.#size + TAKEN_PLACES_MAX) this.#expiries.retain(({ claim }) => claim !== undefined);
  }

  #nextToExpire(): Place | undefined {
    let next = this.#expiries.top();
    for (; next !== undefined && next.claim === undefined; next = this.#expiries.top()) this.#expiries.pop();
    return next;
  }
}
