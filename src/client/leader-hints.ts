import type { NodeStatus } from '../protocol/client-frame.ts';

/** How long a node that stayed silent is not believed when it calls itself leader. */
const SUSPICION_MS = 2_000;

/**
 * What the nodes said last about who leads, and which of them went silent. A paused or cut off leader still calls itself
 * leader: that is why silence counts more than words.
 */
export class LeaderHints {
  readonly #statuses = new Map<number, NodeStatus>();
  readonly #suspectUntilMs = new Map<number, number>();

  record(status: NodeStatus): void {
    this.#statuses.set(status.node, status);
  }

  /** Drops what was said, so that only fresh words count; suspicion stays. */
  forgetStatuses(): void {
    this.#statuses.clear();
  }

  forget(node: number): void {
    this.#statuses.delete(node);
    this.#suspectUntilMs.delete(node);
  }

  suspect(node: number, nowMs: number): void {
    this.#suspectUntilMs.set(node, nowMs + SUSPICION_MS);
  }

  clearSuspicion(node: number): void {
    this.#suspectUntilMs.delete(node);
  }

  isSuspect(node: number, nowMs: number): boolean {
    return (this.#suspectUntilMs.get(node) ?? 0) > nowMs;
  }

  /** The node that calls itself leader in the highest term, if it may be believed. */
  leader(nowMs: number): number | undefined {
    let best: NodeStatus | undefined;
    for (const status of this.#statuses.values()) {
      if (status.state !== 'leader' || this.isSuspect(status.node, nowMs)) continue;
      if (best === undefined || status.term > best.term) best = status;
    }
    return best?.node;
  }
}
