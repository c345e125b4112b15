import { asNodeId } from '../base/ids.ts';
import { isJoint } from '../raft/membership.ts';
import type { CoreView } from '../raft/raft-core.ts';
import type { SimNode } from './sim-node.ts';

/** Nodes whose disk was lost or damaged, until they are voters with another one. */
export class DiskLedger {
  readonly #nodes: ReadonlyMap<number, SimNode>;
  /** The ids of these disks, by node. */
  readonly #lost = new Map<number, number>();

  constructor(nodes: ReadonlyMap<number, SimNode>) {
    this.#nodes = nodes;
  }

  get areAllSound(): boolean {
    return this.#lost.size === 0;
  }

  isLost(node: number): boolean {
    return this.#lost.has(node);
  }

  /** A flipped bit is not detected before it is read. */
  get areLossesKnown(): boolean {
    return [...this.#lost].every(([id, disk]) => this.#nodes.get(id)?.diskId !== disk);
  }

  /** The node's current disk is lost, damaged, or about to be replaced. */
  markLost(node: SimNode): void {
    this.#lost.set(node.id, node.diskId);
  }

  /** Forgets a voter whose new disk is in the leader's stable configuration, and a node that is no voter. */
  forgetReplaced({ configurations, commit }: CoreView): void {
    const { index, configuration } = configurations.latest;
    if (index > commit || isJoint(configuration) || configuration.joining.length > 0) return;
    for (const [id, lost] of [...this.#lost]) {
      const present = this.#nodes.get(id)?.diskId;
      if (present === lost) continue;
      const disk = configuration.disks.find(({ node }) => node === id)?.disk;
      if (!configuration.voters.includes(asNodeId(id)) || disk === present) this.#lost.delete(id);
    }
  }
}
