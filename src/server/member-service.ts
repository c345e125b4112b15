import { setTimeout as sleep } from 'node:timers/promises';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { ConfigError } from '../base/errors.ts';
import { NODE_ID, parseSettings } from '../cluster/cluster-arguments.ts';
import type { MembershipController } from '../cluster/membership-controller.ts';
import { ADDRESS, INSECURE_REMEDY } from '../config/node-config.ts';
import type { Channels } from '../transport/grpc/channel-security.ts';
import type { AddMemberProto } from '../transport/grpc/cluster-service.ts';
import { type Introduced, introduceTo } from '../transport/grpc/introductions.ts';
import { type AnnounceAddressCall, type AnnounceAddressCallback, raftClient } from '../transport/grpc/raft-service.ts';
import { CHANNEL_PROTOCOL } from '../transport/handshake.ts';
import type { AddressBook } from './address-book.ts';
import { foreignness } from './formation.ts';

/** How long a node that is to be added may take to reply. */
const NEW_NODE_WAIT_MS = 3_000;
const CALL_MS_MAX = 2_000;
const POLL_MS = 200;

export interface MemberServiceOptions {
  readonly book: AddressBook;
  readonly channels: Channels;
  readonly own: () => Omit<Introduced, 'protocol'>;
  /** As this node has them. */
  readonly members: () => readonly number[];
  readonly control: Pick<MembershipController, 'members' | 'beginAddition' | 'change'>;
  /** A node replies there, and is about to be a member. */
  readonly onAdded: (node: number, address: string) => void;
}

/** Changes of members that any node takes. */
export class MemberService {
  readonly #options: MemberServiceOptions;

  constructor(options: MemberServiceOptions) {
    this.#options = options;
  }

  /**
   * The address first reaches every member that replies, and only then the node becomes one: a leader of any of them can call it. The others
   * learn the address when the node calls them. It may be repeated. @throws {ConfigError} and what `beginAddition` throws.
   */
  async add({ node, address, learner: isLearner = false }: AddMemberProto): Promise<void> {
    parseSettings(NODE_ID, node, 'node');
    parseSettings(ADDRESS, address, 'address');
    if (!this.#options.book.isAllowed(address)) throw new ConfigError('address', address, INSECURE_REMEDY);
    const { voters } = await this.#options.control.members();
    const isKnown = await this.#isOfCluster(node, address);
    if (voters.includes(node)) {
      // A member that was started again.
      if (isKnown && !isLearner) return;
      throw new ConfigError(
        'node',
        node,
        `That node votes already; the voters are ${voters.join(', ')}. Give a new node an id of its own.`,
      );
    }
    await this.#announce(node, address);
    await this.#options.control.beginAddition(node, isLearner);
  }

  /** @throws {ConfigError} and what `change` of MembershipController throws. */
  async remove(node: number): Promise<void> {
    const { voters, learners, joining } = await this.#options.control.members();
    const members = [...voters, ...learners, ...joining];
    if (!members.includes(node)) throw new ConfigError('node', node, `No member has that id; the members are ${members.join(', ')}.`);
    await this.#options.control.change([], [node]);
  }

  /** Part of the service Raft. */
  implementation(): UntypedServiceImplementation {
    return {
      AnnounceAddress: ({ request }: AnnounceAddressCall, reply: AnnounceAddressCallback) => {
        const { own, book, onAdded } = this.#options;
        const { cluster } = own();
        const { cluster: meant, node, address } = request;
        if (cluster === 0 || cluster !== meant)
          reply({ code: status.FAILED_PRECONDITION, details: `The call means cluster ${meant}, and this node belongs to ${cluster}.` });
        else if (!book.isAllowed(address)) reply({ code: status.FAILED_PRECONDITION, details: INSECURE_REMEDY });
        else {
          onAdded(node, address);
          reply(null, {});
        }
      },
    };
  }

  /**
   * A member that no node can reach would only be counted. @returns whether the node belongs to this cluster; else its folder is new.
   * @throws {ConfigError}
   */
  async #isOfCluster(node: number, address: string): Promise<boolean> {
    const { own, channels } = this.#options;
    const untilMs = performance.now() + NEW_NODE_WAIT_MS;
    for (;;) {
      const introduced = own();
      const reply = await introduceTo(address, introduced, channels, CALL_MS_MAX);
      if ('clusterName' in reply) {
        const reason = foreignness({ ...introduced, protocol: CHANNEL_PROTOCOL }, node, reply);
        if (reason !== undefined) throw new ConfigError('address', address, reason);
        if (reply.cluster === 0 || reply.cluster === introduced.cluster) return reply.cluster !== 0;
        throw new ConfigError(
          'address',
          address,
          `The node there belongs to cluster ${reply.cluster}, and this is cluster ${introduced.cluster}. Empty its folder, and start it with --join.`,
        );
      }
      if (performance.now() >= untilMs)
        throw new ConfigError('address', address, `No node replies there (${reply.details}). Start it with "jobraft serve --join".`);
      await sleep(POLL_MS);
    }
  }

  /** @throws {ConfigError} when a member runs a release that cannot call other nodes than those of its configuration. */
  async #announce(node: number, address: string): Promise<void> {
    const { book, own, members, onAdded } = this.#options;
    onAdded(node, address);
    const others = book.of(members().filter((member) => member !== own().node && member !== node));
    const replies = await Promise.all(
      [...others].map(async ([member, at]) => ({ member, code: await this.#announceTo(at, node, address) })),
    );
    const rejecting = replies.find(({ code }) => code === status.FAILED_PRECONDITION);
    if (rejecting !== undefined)
      throw new ConfigError('address', address, `Node ${rejecting.member} does not call nodes there. ${INSECURE_REMEDY}`);
    const old = replies.find(({ code }) => code === status.UNIMPLEMENTED);
    if (old !== undefined)
      throw new ConfigError('node', node, `Node ${old.member} runs an earlier release, which cannot reach added nodes. Upgrade it first.`);
  }

  /** @returns the status of the call. */
  async #announceTo(member: string, node: number, address: string): Promise<number> {
    const client = raftClient(member, this.#options.channels);
    try {
      return await new Promise((resolve) => {
        const { cluster } = this.#options.own();
        client.AnnounceAddress({ cluster, node, address }, { deadline: Date.now() + CALL_MS_MAX }, (error) =>
          resolve(error === null ? status.OK : error.code),
        );
      });
    } finally {
      client.close();
    }
  }
}
