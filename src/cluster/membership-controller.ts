import type { MemberChange } from '../client/api/admin-calls.ts';
import type { Client } from '../client/api/client.ts';
import { AdminRejectedError, DeadlineError, MembershipTimeoutError, NodeUnavailableError, NoLeaderError } from '../client/errors.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import { Exclusive } from './exclusive.ts';

/** A change waits for joining nodes to receive the whole log; this bounds one that cannot succeed. */
const CHANGE_WAIT_MS = 60_000;
const TRANSFER_WAIT_MS = 10_000;
const CANCEL_WAIT_MS = 10_000;
const POLL_MS = 10;

/** The members by the leader's configuration in force. */
export interface ClusterMembers {
  readonly voters: readonly number[];
  /** They receive the log and do not vote. */
  readonly learners: readonly number[];
  /** They receive the log, and vote once they have caught up. */
  readonly joining: readonly number[];
  /** They still vote, until the joining ones do. */
  readonly leaving: readonly number[];
  /** No change is in progress that waits for a commit. */
  readonly isSettled: boolean;
}

/**
 * The client for requests to nodes. Its calls have a deadline that is short beside the times above: a leader whose thread is stuck does not
 * reply.
 */
export type AdminClient = Pick<Client, 'status' | 'changeMembership' | 'transferLeadership'>;

/** Completes changes of members, also under another leader: a change that was lost with its leader is requested again. */
export class MembershipController {
  readonly #client: () => AdminClient;
  readonly #leader: () => Promise<number | undefined>;
  readonly #exclusive: Exclusive;
  readonly #changeWaitMs: number;

  /** @param exclusive runs each request for a change: not while a node's file is being given up. */
  constructor(
    client: () => AdminClient,
    leader: () => Promise<number | undefined>,
    exclusive = new Exclusive(),
    changeWaitMs = CHANGE_WAIT_MS,
  ) {
    this.#client = client;
    this.#leader = leader;
    this.#exclusive = exclusive;
    this.#changeWaitMs = changeWaitMs;
  }

  /** @throws {NoLeaderError} when none is found in time. */
  async members(): Promise<ClusterMembers> {
    const { voters, learners, joining, leaving, isSettled } = await this.#until(
      TRANSFER_WAIT_MS,
      new NoLeaderError(),
      async (status) => status,
    );
    const sorted = (nodes: readonly number[]): number[] => [...nodes].sort((one, other) => one - other);
    return { voters: sorted(voters), learners: sorted(learners), joining: sorted(joining), leaving: sorted(leaving), isSettled };
  }

  /** @throws {AdminRejectedError} for an invalid change. @throws {MembershipTimeoutError} with the missing part. */
  async change(add: readonly number[], remove: readonly number[]): Promise<void> {
    const late = new MembershipTimeoutError(add, remove, this.#changeWaitMs);
    await this.#until(this.#changeWaitMs, late, async (status) => {
      const rest = remainderOf(status, add, remove);
      if (rest !== undefined) await this.#askForChange(status.node, rest);
      return isDone(status, add, remove) ? status : undefined;
    });
  }

  /**
   * The node receives the log from now on. It becomes a voter once it has caught up, or stays a learner.
   * @throws {AdminRejectedError | MembershipTimeoutError}
   */
  async beginAddition(node: number, isLearner = false): Promise<void> {
    const late = new MembershipTimeoutError([node], [], this.#changeWaitMs);
    await this.#until(this.#changeWaitMs, late, async (status) => {
      const { voters, joining, learners, isSettled } = status;
      if (voters.includes(node)) return status;
      if ((isLearner ? learners : joining).includes(node)) return isSettled ? status : undefined;
      await this.#askForChange(status.node, isLearner ? { learners: [node] } : { add: [node] });
      return undefined;
    });
  }

  /**
   * Cancels the rest of an addition, so that none of the nodes becomes a voter later.
   * @returns the nodes that are not members. @throws {NoLeaderError} when none is found in time, or when the change in progress does not
   * complete.
   */
  async cancelAddition(nodes: readonly number[]): Promise<readonly number[]> {
    const status = await this.#until(CANCEL_WAIT_MS, new NoLeaderError(), async (leader) => {
      const { joining, learners, outgoing, isSettled } = leader;
      const present = nodes.filter((node) => joining.includes(node) || learners.includes(node));
      if (present.length === 0) return isSettled ? leader : undefined;
      if (outgoing.length === 0) await this.#askForChange(leader.node, { remove: present });
      return undefined;
    });
    return nodes.filter((node) => !status.voters.includes(node));
  }

  /** @returns the new leader. @throws {AdminRejectedError} for a node that cannot lead. @throws {NoLeaderError} */
  async transfer(to: number): Promise<number> {
    let from: number | undefined;
    const { node } = await this.#until(TRANSFER_WAIT_MS, new NoLeaderError(), async (status) => {
      if (status.node === to || (to === 0 && from !== undefined && status.node !== from)) return status;
      from ??= status.node;
      await this.#ask(() => this.#client().transferLeadership(status.node, to));
      return undefined;
    });
    return node;
  }

  /** Requests the leader's status repeatedly until `found` returns a result. */
  async #until(withinMs: number, late: Error, found: (leader: NodeStatus) => Promise<NodeStatus | undefined>): Promise<NodeStatus> {
    const deadline = performance.now() + withinMs;
    while (performance.now() < deadline) {
      const status = await this.#leaderStatus();
      const result = status === undefined ? undefined : await found(status);
      if (result !== undefined) return result;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw late;
  }

  async #leaderStatus(): Promise<NodeStatus | undefined> {
    const leader = await this.#leader();
    if (leader === undefined) return undefined;
    try {
      const status = await this.#client().status(leader);
      return status.state === 'leader' ? status : undefined;
    } catch (error) {
      if (isPending(error)) return undefined;
      throw error;
    }
  }

  async #askForChange(leader: number, change: MemberChange): Promise<void> {
    await this.#exclusive.run(() => this.#ask(() => this.#client().changeMembership(leader, change)));
  }

  /** A temporary rejection is retried; whether an unanswered request took effect is visible in the next status. */
  async #ask(request: () => Promise<void>): Promise<void> {
    try {
      await request();
    } catch (error) {
      if (error instanceof AdminRejectedError && error.code === 'INVALID') throw error;
      if (!(error instanceof AdminRejectedError || isPending(error))) throw error;
    }
  }
}

/** The node ended, or its thread is stuck: another node may lead by now. */
const isPending = (error: unknown): boolean => error instanceof NodeUnavailableError || error instanceof DeadlineError;

/** The part still to be requested, or undefined when all of it is in progress or done. */
function remainderOf(status: NodeStatus, add: readonly number[], remove: readonly number[]): MemberChange | undefined {
  const { voters, outgoing, joining, leaving, learners } = status;
  const missing = add.filter((node) => !voters.includes(node) && !joining.includes(node));
  // A node that is already leaving is replaced by these joining nodes, or by others that may never join.
  const isInProgress = (node: number): boolean => add.length > 0 && leaving.includes(node);
  const present = remove.filter((node) => [...voters, ...joining, ...learners].includes(node) && !isInProgress(node));
  if (outgoing.length > 0 || missing.length + present.length === 0) return undefined;
  return { add: missing, remove: present };
}

function isDone(status: NodeStatus, add: readonly number[], remove: readonly number[]): boolean {
  const { voters, outgoing, joining, learners, isSettled } = status;
  const members = [...voters, ...outgoing, ...joining, ...learners];
  return isSettled && add.every((node) => voters.includes(node)) && !remove.some((node) => members.includes(node));
}
