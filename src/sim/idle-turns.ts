import type { SimNode } from './sim-node.ts';
import { checkProperty } from './violation.ts';

/** Maximum number of such turns beyond one per ms: deadlines are rounded, and several may fire a little early. */
const IDLE_TURNS_MAX = 100;

/**
 * Turns for nothing: only the node's own deadline woke it, and they had no observable effect. A timer that fires early is harmless; one
 * that always fires busies a processor, also between turns that requests and messages cause.
 */
export class IdleTurns {
  /** The excess over one turn per ms, and when it was counted. */
  readonly #excess = new Map<SimNode, { readonly turns: number; readonly atMs: number }>();

  onIdle(node: SimNode, nowMs: number): void {
    const { turns, atMs } = this.#excess.get(node) ?? { turns: 0, atMs: nowMs };
    const excess = Math.max(0, turns - (nowMs - atMs)) + 1;
    checkProperty(
      excess < IDLE_TURNS_MAX,
      'a node with nothing to do sleeps',
      () => `node ${node.id} had ${excess.toFixed(0)} turns for nothing more than one per ms`,
    );
    this.#excess.set(node, { turns: excess, atMs: nowMs });
  }
}
