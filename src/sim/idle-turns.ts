import type { SimNode } from './sim-node.ts';
import { checkProperty } from './violation.ts';

/** Some turns have nothing to do, since timers fire early and frames may be duplicates, hundreds at once when old ones are replayed. */
const IDLE_TURNS_MAX = 600;

/** A timer that fires early is harmless; one that always fires busies a processor. */
export class IdleTurns {
  /** How many turns in a row had no observable effect. */
  readonly #idle = new Map<SimNode, { readonly sinceMs: number; count: number }>();

  onBusy(node: SimNode): void {
    this.#idle.delete(node);
  }

  onIdle(node: SimNode, nowMs: number): void {
    const idle = this.#idle.get(node) ?? { sinceMs: nowMs, count: 0 };
    idle.count += 1;
    this.#idle.set(node, idle);
    if (idle.count < IDLE_TURNS_MAX) return;
    const tookMs = nowMs - idle.sinceMs;
    checkProperty(
      tookMs > IDLE_TURNS_MAX,
      'a node with nothing to do sleeps',
      () => `node ${node.id} had ${idle.count} turns for nothing within ${tookMs} ms`,
    );
    this.#idle.delete(node);
  }
}
