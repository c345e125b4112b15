import { setTimeout as sleep } from 'node:timers/promises';
import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { ConfigError } from '../base/errors.ts';
import type { NodeAddress, NodeConfig } from '../config/node-config.ts';
import { RemoteNode } from '../remote/remote-node.ts';
import type { Channels } from '../transport/grpc/channel-security.ts';
import { type Introduced, introduceTo } from '../transport/grpc/introductions.ts';
import { CHANNEL_PROTOCOL } from '../transport/handshake.ts';
import { ClusterUnreachableError } from './errors.ts';
import { type FormedCluster, foreignness } from './formation.ts';

/** How long a node with a new folder looks for the cluster. */
const SEARCH_MS_MAX = 10_000;
const CALL_MS_MAX = 2_000;
/** The leader adds one node after the other. */
const ADD_MS_MAX = 90_000;
const POLL_MS = 100;
/** A node that was added, and is none of the members again, was removed meanwhile, or its leader was lost. */
const ASK_EVERY_MS = 5_000;

/** The cluster that a node joins. */
export interface FoundCluster {
  readonly formed: FormedCluster;
  readonly addresses: readonly NodeAddress[];
}

export interface JoiningOptions {
  readonly config: NodeConfig;
  readonly channels: Channels;
  readonly own: () => Omit<Introduced, 'protocol'>;
  /** Where the other nodes listen, as far as this one knows. */
  readonly others: () => readonly NodeAddress[];
  /** Whether this node votes already. */
  readonly isVoter: () => boolean;
  /** The node takes part in the cluster from now on, without a vote. */
  readonly onFound: (found: FoundCluster) => void;
}

/** How a node joins a running cluster: it finds it, gets added by its leader, and has a vote once it has everything (thesis §4.2.1). */
export class Joining implements Disposable {
  readonly #options: JoiningOptions;
  #isDisposed = false;

  constructor(options: JoiningOptions) {
    this.#options = options;
  }

  /** @returns whether the node votes now; false if it was disposed before. @throws {ConfigError | ClusterUnreachableError} */
  async run(): Promise<boolean> {
    const found = await this.#search();
    if (this.#isDisposed) return false;
    if (found !== undefined) this.#options.onFound(found);
    for (let next = 0; !this.#isDisposed; next += 1) {
      if (this.#options.isVoter()) return true;
      const others = this.#options.others();
      const other = others[next % Math.max(others.length, 1)];
      if (other !== undefined && (await this.#isAdded(other))) await this.#untilVoter();
      await sleep(POLL_MS);
    }
    return false;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
  }

  /** @returns undefined if the node knows its cluster, and no node of another one replied. */
  async #search(): Promise<FoundCluster | undefined> {
    const { config } = this.#options;
    const others = this.#options.others();
    if (others.length === 0)
      throw new ConfigError(
        'nodes',
        config.nodes.map(({ id }) => id),
        'Name a node of the running cluster beside this one, with its address.',
      );
    const isNew = this.#options.own().cluster === 0;
    const untilMs = performance.now() + SEARCH_MS_MAX;
    let reason = '';
    do {
      for (const other of others) {
        const found = await this.#ask(other);
        if (this.#isDisposed) return undefined;
        if (typeof found === 'object') return isNew ? found : undefined;
        reason = found;
      }
      if (isNew) await sleep(POLL_MS);
    } while (isNew && performance.now() < untilMs);
    if (!isNew) return undefined;
    throw new ClusterUnreachableError(
      others.map(({ address }) => address),
      reason,
      SEARCH_MS_MAX,
    );
  }

  /** @returns the cluster of that node, or why there is none. @throws {ConfigError} when this node cannot join it. */
  async #ask({ id, address }: NodeAddress): Promise<FoundCluster | string> {
    const { own, channels, config } = this.#options;
    const introduced = own();
    const reply = await introduceTo(address, introduced, channels, CALL_MS_MAX);
    if (!('clusterName' in reply)) return reply.details;
    const problem = foreignness({ ...introduced, protocol: CHANNEL_PROTOCOL }, id, reply);
    if (problem !== undefined) throw new ConfigError('nodes', address, problem);
    if (reply.cluster === 0) return `node ${id} has no cluster yet`;
    const { cluster, founders } = reply;
    if (introduced.cluster === cluster) return { formed: { cluster, founders }, addresses: [] };
    if (introduced.cluster !== 0)
      throw new ConfigError(
        'dataDir',
        config.dataDir,
        `The folder belongs to cluster ${introduced.cluster}, and node ${id} to cluster ${cluster}. Empty the folder to join that one.`,
      );
    return await this.#clusterOf(address, { cluster, founders });
  }

  async #clusterOf(address: string, formed: FormedCluster): Promise<FoundCluster | string> {
    const { id } = this.#options.config;
    using node = new RemoteNode(address, this.#options.channels.security);
    const reply = await node.status(CALL_MS_MAX);
    if ('details' in reply) return reply.details;
    const { voters = [], addresses = [] } = reply.members ?? {};
    if (voters.includes(id))
      throw new ConfigError(
        'id',
        id,
        'The cluster has a node of that id, with another disk. Choose an id that no node has; or, if the folder of that node was lost, start it without --join: it gets everything from the others.',
      );
    return { formed, addresses: addresses.map((known) => ({ id: known.node, address: known.address })) };
  }

  /** @throws {ConfigError} when the node cannot be added. */
  async #isAdded({ address }: NodeAddress): Promise<boolean> {
    const { id, nodes } = this.#options.config;
    using node = new RemoteNode(address, this.#options.channels.security);
    const ownAddress = nodes.find((known) => known.id === id)?.address ?? '';
    const error = await node.addMember({ node: id, address: ownAddress }, ADD_MS_MAX);
    if (error === undefined) return true;
    if (!this.#isDisposed && isFinal(error) && !this.#options.isVoter()) throw new ConfigError('id', id, error.details);
    return false;
  }

  async #untilVoter(): Promise<void> {
    const untilMs = performance.now() + ASK_EVERY_MS;
    while (!this.#isDisposed && !this.#options.isVoter() && performance.now() < untilMs) await sleep(POLL_MS);
  }
}

/** Repeating the call would not help. */
const isFinal = ({ code }: ServiceError): boolean => code === GrpcStatus.INVALID_ARGUMENT || code === GrpcStatus.UNIMPLEMENTED;
