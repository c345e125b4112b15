import type { NodeRuntime } from '../node/node-runtime.ts';
import { isJoint } from '../raft/membership.ts';
import type { Coverage } from './coverage.ts';
import type { SimNode } from './sim-node.ts';

/** Which configurations the nodes have, and which steps of membership changes were reached. */
export class ConfigurationWatch {
  readonly #coverage: Coverage;
  readonly #initialVoters: number;
  readonly #committedJoint = new Set<number>();
  /** The index of each node's latest configuration at its last turn. */
  readonly #latest = new Map<SimNode, number>();

  constructor(coverage: Coverage, initialVoters: number) {
    this.#coverage = coverage;
    this.#initialVoters = initialVoters;
  }

  /** Whether some node, up or down, has a configuration after `index`. */
  hasLaterThan(index: number): boolean {
    return [...this.#latest.values()].some((latest) => latest > index);
  }

  afterTurn(node: SimNode, { view }: NodeRuntime): void {
    const { configurations, role, commit } = view;
    this.#latest.set(node, configurations.latest.index);
    const { index, configuration } = configurations.at(commit);
    if (role !== 'leader' || !isJoint(configuration) || this.#committedJoint.has(index)) return;
    this.#committedJoint.add(index);
    this.#coverage.add('joint configuration committed');
    if (configuration.voters.some((voter) => voter > this.#initialVoters)) this.#coverage.add('joining node became a voter');
  }
}
