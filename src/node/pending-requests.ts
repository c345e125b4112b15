import type { NodeId } from '../base/ids.ts';
import type { Inspection, Reservation } from './request-policy.ts';

/** Where a reply goes: a client's connection at this node, or one at the peer that forwarded the request. */
export interface Origin {
  readonly connection: number;
  readonly peer: NodeId | undefined;
}

export interface PendingRequest extends Origin {
  readonly client: number;
  readonly sequence: number;
}

/** A request that was accepted and is not in the log. */
export interface QueuedRequest extends PendingRequest {
  readonly request: Uint8Array;
  readonly inspection: Inspection;
  /** Of a request that is about to be proposed. */
  readonly reservation: Reservation | undefined;
}

/** The origins that wait for replies, by request. A repeated request moves to its latest origin. */
export class PendingRequests {
  readonly #clients = new Map<number, Map<number, PendingRequest>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(client: number, sequence: number): boolean {
    return this.#clients.get(client)?.has(sequence) ?? false;
  }

  add(waiting: PendingRequest): void {
    let sequences = this.#clients.get(waiting.client);
    if (sequences === undefined) {
      sequences = new Map();
      this.#clients.set(waiting.client, sequences);
    }
    if (!sequences.has(waiting.sequence)) this.#size += 1;
    sequences.set(waiting.sequence, waiting);
  }

  take(client: number, sequence: number): PendingRequest | undefined {
    const sequences = this.#clients.get(client);
    const waiting = sequences?.get(sequence);
    if (sequences === undefined || waiting === undefined) return undefined;
    sequences.delete(sequence);
    if (sequences.size === 0) this.#clients.delete(client);
    this.#size -= 1;
    return waiting;
  }

  /** A channel to this node has ended. @returns whether it waited for a reply. */
  dropConnection(connection: number): boolean {
    const own = [...this.#clients.values()]
      .flatMap((sequences) => [...sequences.values()])
      .filter((each) => each.connection === connection);
    for (const { client, sequence } of own) this.take(client, sequence);
    return own.length > 0;
  }

  takeAll(): PendingRequest[] {
    const all: PendingRequest[] = [];
    for (const sequences of this.#clients.values()) all.push(...sequences.values());
    this.#clients.clear();
    this.#size = 0;
    return all;
  }
}
