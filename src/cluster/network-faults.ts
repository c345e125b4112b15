import type { LinkFaults } from '../transport/port-links.ts';
import { NO_FAULTS } from '../transport/port-links.ts';

/** The current faults between the nodes: partitions, delay and loss. */
export class NetworkFaults {
  #groups: readonly (readonly number[])[] | undefined;
  #delay: LinkFaults['delay'];
  #dropProbability = 0;

  /** Nodes of different groups do not reach each other; a node in no group is isolated. */
  partition(groups: readonly (readonly number[])[]): void {
    this.#groups = groups;
  }

  /** Delays every frame by this time, or by a random time in the range; their order stays. */
  delay(ms: number | { readonly fromMs: number; readonly toMs: number }): void {
    this.#delay = typeof ms === 'number' ? { fromMs: ms, toMs: ms } : ms;
  }

  drop(probability: number): void {
    this.#dropProbability = probability;
  }

  heal(): void {
    this.#groups = undefined;
    this.#delay = undefined;
    this.#dropProbability = 0;
  }

  /** The faults on one node's links to these others. */
  of(node: number, others: readonly number[]): LinkFaults {
    const blocked = others.filter((other) => other !== node && !this.#areTogether(node, other));
    return { ...NO_FAULTS, blocked, delay: this.#delay, dropProbability: this.#dropProbability };
  }

  #areTogether(one: number, other: number): boolean {
    return this.#groups === undefined || this.#groups.some((group) => group.includes(one) && group.includes(other));
  }
}
