import type { NodeStatus } from '../../protocol/client-frame.ts';

/** How long a silent node is not trusted when it reports itself as leader. */
const SUSPICION_MS = 2_000;

/**
 * The latest status of each node, and which nodes are silent. A paused or cut off leader still reports itself as
 * leader, so silence counts more than its status.
 */
export class LeaderDiscovery {
  readonly #statuses = new Map<number, NodeStatus>();
  readonly #suspectUntilMs = new Map<number, number>();

  record(status: NodeStatus): void {
    this.#statuses.set(status.node, status);
  }

  /** Whether the node has reported its status since statuses were dropped. */
  hasReplied(node: number): boolean {
    return this.#statuses.has(node);
  }

  /** Drops all statuses, so that only new ones count; suspicion stays. */
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

  /** The node that reports itself as leader in the highest term, unless it is suspect. */
  leader(nowMs: number): number | undefined {
    let best: NodeStatus | undefined;
    for (const status of this.#statuses.values()) {
      if (status.state !== 'leader' || this.isSuspect(status.node, nowMs)) continue;
      if (best === undefined || status.term > best.term) best = status;
    }
    return best?.node;
  }
}
