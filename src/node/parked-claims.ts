import type { WaitingRequest } from './waiting-requests.ts';

export interface ParkedClaim extends WaitingRequest {
  readonly request: Uint8Array;
  readonly queue: string;
  readonly countMax: number;
  /** When the claim is answered with nothing, monotonic ms. */
  readonly expiresMs: number;
}

/**
 * Claims that wait at the leader for a job. They are not in the log: a claim that finds nothing costs no write, and a leader
 * that falls takes its parked claims with it, for the clients to ask again.
 */
export class ParkedClaims {
  readonly #queues = new Map<string, ParkedClaim[]>();
  #size = 0;
  #nextExpiryMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#size;
  }

  /** A lower bound of the next expiry, monotonic ms; none while nobody waits, or the node would be woken again and again for nothing. */
  get nextExpiryMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#nextExpiryMs;
  }

  park(claim: ParkedClaim): void {
    const claims = this.#queues.get(claim.queue);
    const again = claims?.findIndex((parked) => parked.client === claim.client && parked.sequence === claim.sequence) ?? -1;
    if (claims !== undefined && again >= 0) {
      claims[again] = claim;
      return;
    }
    if (claims === undefined) this.#queues.set(claim.queue, [claim]);
    else claims.push(claim);
    if (this.#size === 0) this.#nextExpiryMs = Number.POSITIVE_INFINITY;
    this.#size += 1;
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, claim.expiresMs);
  }

  /** Claims that have waited longest, as many as the waiting jobs can serve. */
  takeServable(waitingCount: (queue: string) => number): ParkedClaim[] {
    const taken: ParkedClaim[] = [];
    for (const [queue, claims] of this.#queues) {
      let jobs = waitingCount(queue);
      let count = 0;
      while (jobs > 0 && count < claims.length) {
        jobs -= claims[count]?.countMax ?? 0;
        count += 1;
      }
      if (count > 0) taken.push(...claims.splice(0, count));
      if (claims.length === 0) this.#queues.delete(queue);
    }
    this.#size -= taken.length;
    return taken;
  }

  takeExpired(nowMs: number): ParkedClaim[] {
    if (nowMs < this.#nextExpiryMs) return [];
    return this.#takeWhere((claim) => claim.expiresMs <= nowMs);
  }

  /** The claims of a client that hung up. */
  takeOf(connection: number): ParkedClaim[] {
    return this.#takeWhere((claim) => claim.peer === undefined && claim.connection === connection);
  }

  takeAll(): ParkedClaim[] {
    return this.#takeWhere(() => true);
  }

  #takeWhere(isTaken: (claim: ParkedClaim) => boolean): ParkedClaim[] {
    const taken: ParkedClaim[] = [];
    this.#nextExpiryMs = Number.POSITIVE_INFINITY;
    for (const [queue, claims] of this.#queues) {
      const kept: ParkedClaim[] = [];
      for (const claim of claims) {
        if (isTaken(claim)) taken.push(claim);
        else {
          kept.push(claim);
          this.#nextExpiryMs = Math.min(this.#nextExpiryMs, claim.expiresMs);
        }
      }
      if (kept.length === 0) this.#queues.delete(queue);
      else this.#queues.set(queue, kept);
    }
    this.#size -= taken.length;
    return taken;
  }
}
