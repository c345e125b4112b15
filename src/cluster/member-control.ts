import type { Client } from '../client/client.ts';
import { AdminRefusedError, MembershipTimeoutError, NodeUnavailableError, NoLeaderError } from '../client/errors.ts';
import type { MemberChange } from '../client/node-calls.ts';
import type { NodeStatus } from '../transport/client-frame.ts';

/** A change waits for newcomers to receive the whole log; this bounds one that cannot succeed. */
const CHANGE_WAIT_MS = 60_000;
const TRANSFER_WAIT_MS = 10_000;
const POLL_MS = 10;

/** Who takes part, as the leader's configuration in force says. */
export interface ClusterMembers {
  readonly voters: readonly number[];
  /** They receive the log and do not vote. */
  readonly learners: readonly number[];
  /** They receive the log, and vote once they have caught up. */
  readonly joining: readonly number[];
  /** They still vote, until the joining ones do. */
  readonly leaving: readonly number[];
  /** No change is under way that waits for a commit. */
  readonly isSettled: boolean;
}

/** Sees changes of members through, whoever leads meanwhile: a change that was lost with its leader is asked for again. */
export class MemberControl {
  readonly #client: () => Client;
  readonly #leader: () => Promise<number | undefined>;

  constructor(client: () => Client, leader: () => Promise<number | undefined>) {
    this.#client = client;
    this.#leader = leader;
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

  /** @throws {AdminRefusedError} for a change that makes no sense. @throws {MembershipTimeoutError} with what is still missing. */
  async change(add: readonly number[], remove: readonly number[]): Promise<void> {
    const late = new MembershipTimeoutError(add, remove, CHANGE_WAIT_MS);
    await this.#until(CHANGE_WAIT_MS, late, async (status) => {
      const rest = remainderOf(status, add, remove);
      if (rest !== undefined) await this.#ask(() => this.#client().changeMembership(status.node, rest));
      return isDone(status, add, remove) ? status : undefined;
    });
  }

  /** @returns who leads then. @throws {AdminRefusedError} for a node that cannot lead. @throws {NoLeaderError} */
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

  /** Asks the leader's status again and again until `found` makes something of it. */
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
      if (error instanceof NodeUnavailableError) return undefined;
      throw error;
    }
  }

  /** A refusal that passes is no reason to give up, and whether an unanswered request took effect shows in the next status. */
  async #ask(request: () => Promise<void>): Promise<void> {
    try {
      await request();
    } catch (error) {
      if (error instanceof AdminRefusedError && error.code === 'INVALID') throw error;
      if (!(error instanceof AdminRefusedError || error instanceof NodeUnavailableError)) throw error;
    }
  }
}

/** What is still to be asked for, or undefined when all of it is under way or done. */
function remainderOf(status: NodeStatus, add: readonly number[], remove: readonly number[]): MemberChange | undefined {
  const { voters, outgoing, joining, leaving, learners } = status;
  const missing = add.filter((node) => !voters.includes(node) && !joining.includes(node));
  const present = remove.filter((node) => [...voters, ...joining, ...learners].includes(node) && !leaving.includes(node));
  if (outgoing.length > 0 || missing.length + present.length === 0) return undefined;
  return { add: missing, remove: present };
}

function isDone(status: NodeStatus, add: readonly number[], remove: readonly number[]): boolean {
  const { voters, outgoing, joining, learners, isSettled } = status;
  const members = [...voters, ...outgoing, ...joining, ...learners];
  return isSettled && add.every((node) => voters.includes(node)) && !remove.some((node) => members.includes(node));
}
