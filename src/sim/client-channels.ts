import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import { readClientFrames, readServerFrames } from '../protocol/client-frame.ts';
import { type ClaimedJob, decodeReply } from '../protocol/reply.ts';
import { OVERWRITTEN_MEMORY } from './overwritten-memory.ts';
import { RequestWatch, type SentRequest } from './request-watch.ts';
import type { SessionModel } from './session-model.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';

/** How often a request, or a query, reaches another node than the client sent it to. */
const DETOUR_SHARE = 0.15;
const QUERY_DETOUR_SHARE = 0.5;
/** How often a copy of a request arrives long after the reply. Openings are few. */
const LATE_COPY_SHARE = 0.05;
/** The same, for plans in which sessions end early. */
const LATE_COPY_SHARE_BOUNDED = 0.3;
const LATE_OPENING_SHARE = 0.5;
const LATE_COPY_MS_MAX = 8_000;
/** Replies to late copies come back on another connection than those to the client's own sendings. */
const COPIES_FROM = 1_000_000;
const NEXT_PROCESS = 10_000;

/** What becomes known of a client on its channels. */
export interface ChannelHandlers {
  /** After the client got the reply. */
  readonly onClaimed: (job: ClaimedJob) => void;
}

/**
 * The channels of one simulated client to the nodes. They are faulty: a packet may reach another node than the one it was sent to, preferably a
 * leader that may be deposed; and requests that have a reply arrive again later. A packet of the client itself arrives at most once.
 */
export class ClientChannels implements ClusterEndpoint {
  readonly watch: RequestWatch;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #handlers: ChannelHandlers;
  readonly #channels = new Map<number, ClientChannelHandlers>();
  /** Whether it knows which nodes run. */
  readonly #seesNodes: boolean;
  /** The number of its channels at every node; each process of the client has another one. */
  #connection: number;

  constructor(cluster: SimCluster, id: number, random: SimRandom, sessions: SessionModel, handlers: ChannelHandlers) {
    this.#cluster = cluster;
    this.#random = random;
    this.#handlers = handlers;
    this.#connection = id;
    this.#seesNodes = random.withProbability(0.5);
    this.watch = new RequestWatch(cluster, id, sessions);
  }

  get connection(): number {
    return this.#connection;
  }

  nodeIds(): readonly number[] {
    return this.#cluster.nodeIds();
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    if (this.#seesNodes && this.#cluster.nodes.get(node)?.isUp !== true) return undefined;
    this.#channels.set(node, handlers);
    return {
      send: (packet) => this.#onSent(node, packet.slice()),
      close: () => this.#channels.delete(node),
      memory: OVERWRITTEN_MEMORY,
    };
  }

  /** Receives what the nodes send to a connection of this client; undefined for any other connection. */
  receiverOf(connection: number): ((packet: Uint8Array, node: number) => void) | undefined {
    if (connection === this.#connection) return (packet, node) => this.#onPacket(packet, node);
    if (connection === this.#connection + COPIES_FROM) return (packet) => this.#onReplyToCopy(packet);
    return undefined;
  }

  /** The node's channel closed, with everything in transit on it. */
  onLost(node: number): void {
    const handlers = this.#channels.get(node);
    if (handlers === undefined) return;
    this.#channels.delete(node);
    this.#cluster.network.closeChannel(node, this.#connection);
    handlers.onLost();
  }

  /** The client's process ends. */
  restart(): void {
    this.#channels.clear();
    this.#connection += NEXT_PROCESS;
    this.watch.forgetUnanswered();
  }

  /** Recent requests with a reply arrive once more, in their order. */
  sendLateCopies(): void {
    let delayMs = 0;
    for (const request of this.watch.answered) {
      delayMs += this.#random.between(1, 30);
      this.#cluster.schedule.after(delayMs, () => this.#sendCopy(request));
    }
  }

  #onSent(node: number, packet: Uint8Array): void {
    let to = node;
    for (const frame of readClientFrames(packet)) {
      if (frame.type !== 'request' && frame.type !== 'query') continue;
      const isQuery = frame.type === 'query';
      const request = this.watch.onSent(frame.request, isQuery, packet);
      const { readsAt } = this.#cluster.triggers;
      if (isQuery && readsAt !== undefined) to = readsAt;
      else if (this.#random.withProbability(isQuery ? QUERY_DETOUR_SHARE : DETOUR_SHARE)) to = this.#detour();
      if (!isQuery && request.sends === 1) this.#planCopy(request);
    }
    this.#cluster.sendToNode(this.#connection, to, packet);
  }

  /** Preferably a node that may have been deposed without noticing it. */
  #detour(): number {
    const suspect = this.#random.withProbability(0.5) ? this.#cluster.oldestLeader()?.id : undefined;
    return suspect ?? this.#random.of(this.#cluster.nodeIds());
  }

  #planCopy(request: SentRequest): void {
    const areSessionsBounded = Object.keys(this.#cluster.plan.bounds).some((bound) => bound.startsWith('session'));
    const share = request.isOpening ? LATE_OPENING_SHARE : areSessionsBounded ? LATE_COPY_SHARE_BOUNDED : LATE_COPY_SHARE;
    if (!this.#random.withProbability(share)) return;
    this.#cluster.schedule.after(this.#random.between(0, LATE_COPY_MS_MAX), () => this.#sendCopy(request));
  }

  /** Only of a request with a reply: a copy of another one might be executed although the client's own sendings were rejected. */
  #sendCopy({ packet, hasReply }: SentRequest): void {
    if (hasReply) this.#cluster.sendToNode(this.#connection + COPIES_FROM, this.#detour(), packet);
  }

  #onPacket(packet: Uint8Array, node: number): void {
    const channel = this.#channels.get(node);
    if (channel === undefined) return;
    const claimed: ClaimedJob[] = [];
    for (const frame of readServerFrames(packet)) {
      if (frame.type === 'rejected' && frame.code !== 'TOO_LARGE') this.watch.onTurnedAway(frame.client, frame.sequence);
      if (frame.type !== 'reply') continue;
      const { client, sequence, results } = decodeReply(frame.reply);
      const [first] = results;
      this.watch.onReply(client, sequence, first?.ok === false && first.code === 'SESSION_EXPIRED');
      for (const result of results) if (result.ok && result.type === 'claimed') claimed.push(...result.jobs);
    }
    channel.onPacket(packet);
    for (const job of claimed) this.#handlers.onClaimed(job);
  }

  #onReplyToCopy(packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      const [first] = frame.type === 'reply' ? decodeReply(frame.reply).results : [];
      if (first?.ok === false && first.code === 'SESSION_EXPIRED')
        this.#cluster.coverage.add('late request rejected behind the end of its session');
    }
  }
}
