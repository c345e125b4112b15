import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceError } from '@grpc/grpc-js';
import { ConfigError, HandshakeError } from '../base/errors.ts';
import { Client } from '../client/api/client.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import { ClusterClosedError, NoLeaderError } from '../client/errors.ts';
import { parseSettings, WAIT_MS } from '../cluster/cluster-arguments.ts';
import { type ClusterMembers, MembershipController } from '../cluster/membership-controller.ts';
import { INSECURE_REMEDY, isLoopback } from '../config/node-config.ts';
import type { LogEntryView, NodeStatus } from '../protocol/client-frame.ts';
import { LEADER, type NodeStatusProto } from '../transport/grpc/cluster-service.ts';
import { CHANNEL_PROTOCOL } from '../transport/handshake.ts';
import type { ConnectSettings } from './connect-options.ts';
import { EndpointsUnreachableError } from './errors.ts';
import { RemoteNode } from './remote-node.ts';

const STATUS_MS_MAX = 1_000;
const POLL_MS = 50;
const LEADER_WAIT_MS = 10_000;
/** A call of a node's process that is stopped ends then. */
const ADMIN_CALL_MS_MAX = 2_000;

/** A cluster whose nodes are processes, by gRPC: what queues and workers take as their connection. */
export class RemoteCluster implements ClusterEndpoint, AsyncDisposable {
  readonly #settings: ConnectSettings;
  readonly #nodes = new Map<number, RemoteNode>();
  #replied: ReadonlySet<number> = new Set();
  #misconnected: readonly string[] = [];
  readonly #closedListeners = new Set<() => void>();
  /** The id of the cluster. */
  #cluster = 0;
  #client: Client | undefined;
  readonly #members = new MembershipController(
    () => this.#ownClient(),
    () => this.leader(),
  );
  #isClosed = false;

  /** @internal */
  constructor(settings: ConnectSettings) {
    this.#settings = settings;
  }

  /** @internal Resolves once a node has replied, and so all are known. @throws {EndpointsUnreachableError | HandshakeError | ConfigError} */
  async start(): Promise<void> {
    const { endpoints, timeoutMs } = this.#settings;
    const seeds = endpoints.map((address) => new RemoteNode(address));
    const untilMs = performance.now() + timeoutMs;
    try {
      for (;;) {
        const replies = await Promise.all(seeds.map((seed) => seed.status(STATUS_MS_MAX)));
        const statuses = statusesOf(replies);
        if (statuses.length > 0) {
          this.#onReplies(statuses);
          return;
        }
        if (performance.now() >= untilMs) throw new EndpointsUnreachableError(endpoints, reasonOf(replies), timeoutMs);
        await sleep(POLL_MS);
      }
    } finally {
      for (const seed of seeds) seed[Symbol.dispose]();
    }
  }

  nodeIds(): readonly number[] {
    return [...this.#nodes.keys()];
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  /** @internal */
  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    return this.#nodes.get(node)?.openChannel({ protocol: CHANNEL_PROTOCOL, node, cluster: this.#cluster }, handlers);
  }

  /** A node's state, by itself. @throws {NodeUnavailableError} @throws {ConfigError} for a node that is no member. */
  async status(node: number): Promise<NodeStatus> {
    this.#checkMember(node);
    return await this.#ownClient().status(node);
  }

  /** Entries of a node's log, 1,000 at most. @throws {NodeUnavailableError} @throws {ConfigError} for a node that is no member. */
  async log(node: number, from?: number, to?: number): Promise<readonly LogEntryView[]> {
    this.#checkMember(node);
    return await this.#ownClient().log(node, from, to);
  }

  /** The leader of the highest term among the nodes that reply. */
  async leader(): Promise<number | undefined> {
    const asked = await Promise.all([...this.#nodes].map(async ([node, remote]) => ({ node, reply: await remote.status(STATUS_MS_MAX) })));
    const replies = statusesOf(asked.map(({ reply }) => reply));
    this.#misconnected = [
      ...asked.flatMap(({ node, reply }) => wrongAddress(node, this.#nodes.get(node)?.address, reply)),
      ...replies.flatMap(rejectionsIn),
    ];
    this.#replied = new Set(replies.map(({ node }) => node));
    const leaders = replies.filter(({ state }) => state === LEADER);
    return leaders.toSorted((one, other) => other.term - one.term)[0]?.node;
  }

  /** @internal What kept nodes from reaching each other when all were asked last, in sentences: wrong addresses, other configurations. */
  get misconnected(): readonly string[] {
    return [...new Set(this.#misconnected)];
  }

  /** Whether the node replied when all were asked last, by `leader()` or `waitForLeader()`. */
  isRunning(node: number): boolean {
    return this.#replied.has(node);
  }

  /** @throws {NoLeaderError} when none is found in time. @throws {ConfigError} for an invalid time. */
  async waitForLeader(timeoutMs = LEADER_WAIT_MS): Promise<number> {
    parseSettings(WAIT_MS, timeoutMs, 'timeoutMs');
    const untilMs = performance.now() + timeoutMs;
    while (!this.#isClosed && performance.now() < untilMs) {
      const leader = await this.leader();
      if (leader !== undefined) return leader;
      await sleep(POLL_MS);
    }
    throw new NoLeaderError();
  }

  /** The members, as the leader reports them. @throws {NoLeaderError} */
  async members(): Promise<ClusterMembers> {
    return await this.#members.members();
  }

  /** Transfers leadership to node `to`, or to the most advanced one. @returns the new leader. @throws {AdminRejectedError | NoLeaderError} */
  async transferLeadership(to?: number): Promise<number> {
    return await this.#members.transfer(to ?? 0);
  }

  /** Closes the channels; the cluster goes on. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const listener of [...this.#closedListeners]) listener();
    this.#closedListeners.clear();
    await this.#client?.close();
    for (const node of this.#nodes.values()) node[Symbol.dispose]();
    this.#nodes.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @throws {ClusterClosedError | ConfigError} */
  #checkMember(node: number): void {
    if (this.#isClosed) throw new ClusterClosedError();
    if (!this.#nodes.has(node)) throw new ConfigError('node', node, `The cluster's nodes are ${this.nodeIds().join(', ')}.`);
  }

  #ownClient(): Client {
    this.#client ??= new Client(this, { deadlineMs: ADMIN_CALL_MS_MAX });
    return this.#client;
  }

  #onReplies(statuses: readonly NodeStatusProto[]): void {
    const { cluster: expected } = this.#settings;
    for (const { node, cluster_name } of statuses)
      if (expected !== undefined && cluster_name !== expected)
        throw new HandshakeError(
          `Node ${node} belongs to the cluster "${cluster_name}", not to "${expected}". Correct "endpoints" or "cluster".`,
        );
    const [first, ...others] = statuses;
    const other = others.find(({ cluster }) => cluster !== first?.cluster);
    if (first === undefined || other !== undefined)
      throw new HandshakeError(
        `The endpoints belong to several clusters: node ${first?.node} to "${first?.cluster_name}" (${first?.cluster}), node ${other?.node} to "${other?.cluster_name}" (${other?.cluster}). Name nodes of one cluster.`,
      );
    const addresses = first.members?.addresses ?? [];
    const remote = addresses.find(({ address }) => !isLoopback(address));
    if (remote !== undefined && !this.#settings.insecure) throw new ConfigError('nodes', remote.address, INSECURE_REMEDY);
    this.#cluster = first.cluster;
    this.#replied = new Set(statuses.map(({ node }) => node));
    for (const { node, address } of addresses) this.#nodes.set(node, new RemoteNode(address));
  }
}

const statusesOf = (replies: readonly (NodeStatusProto | ServiceError)[]): NodeStatusProto[] =>
  replies.filter((reply): reply is NodeStatusProto => 'node' in reply);

const reasonOf = (replies: readonly (NodeStatusProto | ServiceError)[]): string =>
  replies.map((reply) => ('details' in reply ? reply.details : '')).find((details) => details !== '') ?? '';

function wrongAddress(node: number, address: string | undefined, reply: NodeStatusProto | ServiceError): string[] {
  if (!('node' in reply) || reply.node === node) return [];
  return [`At ${address}, the address of node ${node}, is node ${reply.node}. Correct the addresses in "nodes".`];
}

const rejectionsIn = ({ node, unreachable }: NodeStatusProto): string[] =>
  unreachable
    .filter(({ reason }) => reason !== '')
    .map(({ node: peer, reason }) => `Node ${node} is rejected at the address of node ${peer}: ${reason}`);
