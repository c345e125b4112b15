import { ConfigError } from '../base/errors.ts';
import { ClusterClosedError } from '../client/errors.ts';
import type { ClusterManifest } from './cluster-manifest.ts';
import { checkCount } from './cluster-options.ts';
import type { MembershipController } from './membership-controller.ts';
import type { NodeThreads } from './node-threads.ts';

export interface MemberChangesParts {
  readonly roster: Pick<ClusterManifest, 'nodes' | 'add' | 'onFilesCreated' | 'remove'>;
  readonly threads: Pick<NodeThreads, 'add' | 'remove'>;
  readonly control: Pick<MembershipController, 'members' | 'change' | 'cancelAddition'>;
}

/** Whole changes of members: the nodes' ids in the roster, their threads, and their votes. */
export class MemberChanges {
  readonly #roster: MemberChangesParts['roster'];
  readonly #threads: MemberChangesParts['threads'];
  readonly #control: MemberChangesParts['control'];
  /** The nodes that calls under way add. */
  readonly #joining = new Set<number>();

  constructor({ roster, threads, control }: MemberChangesParts) {
    this.#roster = roster;
    this.#threads = threads;
    this.#control = control;
  }

  /** Nodes that are being added; they may not be in the roster yet. */
  get joining(): readonly number[] {
    return [...this.#joining];
  }

  /**
   * Either all of it is done, or what was begun is cancelled: then a joining node's id and thread are gone again. They stay only where it
   * is unknown whether the node became a voter, or where the cluster was closed; the same call may be made again in any case.
   * @throws {ConfigError | AdminRejectedError | MembershipTimeoutError} or what kept a joining node's thread from starting.
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

  /** An id may be in the roster already, of an addition that neither succeeded nor could be cancelled. */
  async #checkJoining(add: readonly number[], remove: readonly number[]): Promise<void> {
    const { nodes } = this.#roster;
    const known = add.filter((node) => nodes.includes(node));
    checkCount(nodes.length + add.length - known.length - remove.length);
    if (known.length === 0) return;
    const { voters } = await this.#control.members();
    const taken = known.find((node) => voters.includes(node));
    if (taken !== undefined) throw new ConfigError('node', taken, `That id is taken; the nodes are ${nodes.join(', ')}.`);
  }

  async #change(add: readonly number[], remove: readonly number[]): Promise<void> {
    // Before it is asked for: a node that may be a voter has to be started with the cluster.
    let mayBeMembers = add.filter((node) => this.#roster.nodes.includes(node));
    this.#roster.add(add);
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
    this.#roster.onFilesCreated(nodes);
  }

  async #cancel(nodes: readonly number[], mayBeMembers: readonly number[]): Promise<void> {
    const members = mayBeMembers.length === 0 ? [] : await this.#membersOf(mayBeMembers);
    await this.#remove(nodes.filter((node) => !members.includes(node)));
  }

  async #remove(nodes: readonly number[]): Promise<void> {
    if (nodes.length === 0) return;
    this.#roster.remove(nodes);
    await this.#threads.remove(nodes);
  }

  /** Which of the nodes are voters now, or may become voters yet. */
  async #membersOf(nodes: readonly number[]): Promise<readonly number[]> {
    try {
      const gone = await this.#control.cancelAddition(nodes);
      return nodes.filter((node) => !gone.includes(node));
    } catch {
      // What made the change fail says more than that it cannot be cancelled either.
      return nodes;
    }
  }
}
