import type { ClaimPlace } from '../../src/protocol/validate-request.ts';
import type { FakeConnection } from './fake-channels.ts';

/** A request as it arrived at a node of a fake cluster. */
export interface ArrivedRequest {
  readonly connection: FakeConnection;
  readonly request: Uint8Array;
  readonly client: number;
  readonly sequence: number;
}

interface Parked {
  readonly arrived: ArrivedRequest;
  readonly queue: string;
  readonly timer: NodeJS.Timeout;
}

/** The claims that wait at a fake cluster for a job. */
export class FakeParking {
  readonly #onExpired: (arrived: ArrivedRequest) => void;
  readonly #parked = new Set<Parked>();

  /** @param onExpired called when a claim has waited for its maximum time. */
  constructor(onExpired: (arrived: ArrivedRequest) => void) {
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#parked.size;
  }

  park(arrived: ArrivedRequest, { queue, waitMs }: ClaimPlace): void {
    const timer = setTimeout(() => {
      this.#parked.delete(parked);
      this.#onExpired(arrived);
    }, waitMs);
    const parked: Parked = { arrived, queue, timer };
    this.#parked.add(parked);
  }

  /** @returns the claim, which no longer waits. */
  take(client: number, sequence: number): ArrivedRequest | undefined {
    return this.#takeIf(({ arrived }) => arrived.client === client && arrived.sequence === sequence)[0];
  }

  /** @returns the claims of queues that have jobs. */
  takeServed(hasJobs: (queue: string) => boolean): ArrivedRequest[] {
    return this.#takeIf(({ queue }) => hasJobs(queue));
  }

  onChannelClosed(connection: FakeConnection): void {
    this.#takeIf(({ arrived }) => arrived.connection === connection);
  }

  #takeIf(matches: (parked: Parked) => boolean): ArrivedRequest[] {
    const taken = [...this.#parked].filter(matches);
    for (const parked of taken) {
      clearTimeout(parked.timer);
      this.#parked.delete(parked);
    }
    return taken.map(({ arrived }) => arrived);
  }
}
