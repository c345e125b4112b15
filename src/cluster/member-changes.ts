import { ConfigError } from '../base/errors.ts';
import { ClusterClosedError } from '../client/errors.ts';
import type { ClusterManifest } from './cluster-manifest.ts';
import { checkCount } from './cluster-options.ts';
import type { MembershipController } from './membership-controller.ts';
import type { NodeThreads } from './node-threads.ts';

export interface MemberChangesParts {
  readonly manifest: Pick<ClusterManifest, 'nodes' | 'add' | 'onFilesCreated' | 'remove'>;
  readonly threads: Pick<NodeThreads, 'add' | 'remove'>;
  readonly control: Pick<MembershipController, 'members' | 'change' | 'cancelAddition'>;
}

/** Complete changes of members: the nodes' ids in the manifest, their threads, and their votes. */
export class MemberChanges {
  readonly #manifest: MemberChangesParts['manifest'];
  readonly #threads: MemberChangesParts['threads'];
  readonly #control: MemberChangesParts['control'];
  /** The nodes that calls in progress add. */
  readonly #joining = new Set<number>();

  constructor({ manifest, threads, control }: MemberChangesParts) {
    this.#manifest = manifest;
    this.#threads = threads;
    this.#control = control;
  }

  /** Nodes that are being added; they may not be in the manifest yet. */
  get joining(): readonly number[] {
    return [...this.#joining];
  }

  /**
   * Either the whole change is made, or it is cancelled: then a joining node's id and thread are removed again. They stay only where it is
   * unknown whether the node became a voter, or where the cluster was closed; the same call may be repeated in any case.
   * @throws {ConfigError | AdminRejectedError | MembershipTimeoutError} or the error that kept a joining node's thread from starting.
   */
  async change(add: readonly number[], remove: readonly number[]): Promise<void> {
    const pending = add.find((node) => this.#joining.has(node));
    if (pending !== undefined) throw new ConfigError('node', pending, 'That node is being added already. Await that call first.');
    for (const node of add) this.#joining.add(node);
    try {
      await this.#checkJoining(add, remove);
      await this.#change(add, remove);
    } finally {
      for (const node of add) this.#joining.delete(node);
    }
    await this.#remove(remove);
  }

  /** An id may already be in the manifest, from an addition that neither succeeded nor could be cancelled. */
  async #checkJoining(add: readonly number[], remove: readonly number[]): Promise<void> {
    const { nodes } = this.#manifest;
    const known = add.filter((node) => nodes.includes(node));
    checkCount(nodes.length + add.length - known.length - remove.length);
    if (known.length === 0) return;
    const { voters } = await this.#control.members();
    const taken = known.find((node) => voters.includes(node));
    if (taken !== undefined) throw new ConfigError('node', taken, `That id is taken; the nodes are ${nodes.join(', ')}.`);
  }

  async #change(add: readonly number[], remove: readonly number[]): Promise<void> {
    // Before the request: a node that may be a voter must be started with the cluster.
    let mayBeMembers = add.filter((node) => this.#manifest.nodes.includes(node));
    this.#manifest.add(add);
    try {
      await this.#start(add);
      mayBeMembers = [...add];
      await this.#control.change(add, remove);
    } catch (error) {
      if (!(error instanceof ClusterClosedError)) await this.#cancel(add, mayBeMembers);
      throw error;
    }
  }

  async #start(nodes: readonly number[]): Promise<void> {
    const outcomes = await Promise.allSettled(nodes.map((node) => this.#threads.add(node)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    this.#manifest.onFilesCreated(nodes);
  }

  async #cancel(nodes: readonly number[], mayBeMembers: readonly number[]): Promise<void> {
    const members = mayBeMembers.length === 0 ? [] : await this.#membersOf(mayBeMembers);
    await this.#remove(nodes.filter((node) => !members.includes(node)));
  }

  async #remove(nodes: readonly number[]): Promise<void> {
    if (nodes.length === 0) return;
    this.#manifest.remove(nodes);
    await this.#threads.remove(nodes);
  }

  /** Which of the nodes are voters, or may still become voters. */
  async #membersOf(nodes: readonly number[]): Promise<readonly number[]> {
    try {
      const gone = await this.#control.cancelAddition(nodes);
      return nodes.filter((node) => !gone.includes(node));
    } catch {
      // The error of the change is more informative than the failed cancellation.
      return nodes;
    }
  }
}
