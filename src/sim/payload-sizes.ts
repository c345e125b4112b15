import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';

const OVERSIZED_SHARE = 0.04;

/** The sizes of the payloads that a client sends, by the plan of the run. */
export class PayloadSizes {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;

  constructor(cluster: SimCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
  }

  sizeOr(usual: number): number {
    const [first, ...others] = this.#cluster.plan.workload.sizes;
    return first !== undefined && this.#random.withProbability(0.4) ? this.#random.of([first, ...others]) : usual;
  }

  /** Whether the next payload is larger than the nodes accept. */
  isOversized(): boolean {
    return this.#cluster.plan.workload.isOversized && this.#random.withProbability(OVERSIZED_SHARE);
  }

  get oversizedBytes(): number {
    return this.#cluster.plan.limits.payloadBytesMax ?? 0;
  }
}
