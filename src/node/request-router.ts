import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import type { RejectionCode, ServerFrame } from '../protocol/client-frame.ts';
import { readServerFrames, writeServerFrame } from '../protocol/client-frame.ts';
import { NO_CLIENT, peekRequest, readRequestHeader } from '../protocol/request-encoder.ts';
import type { NodeLimits } from './limits.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { ClientOutbox, PeerOutbox } from './outbox.ts';
import { ParkedRequests } from './parked-requests.ts';
import type { Origin, PendingRequest, QueuedRequest } from './pending-requests.ts';
import { PendingRequests } from './pending-requests.ts';
import type { Observer } from './ports.ts';
import type { Inspection, LeaderSupply, ReplyDelivery, RequestFault, RequestPolicy } from './request-policy.ts';

/** The leadership as this node knows it when a request arrives. */
export interface Leadership {
  readonly isLeader: boolean;
  readonly leader: NodeId | undefined;
  /** The state-machine version that will execute what this node, if it leads, accepts now. */
  readonly version: number;
}

/** Retry delay of a request that cannot wait at the leader: each costs one message per second. */
const RETRY_LATER_MS = 1_000;

/**
 * Offset of client and sequence in a server frame inside a reply, after length and kind; the same in both forms that reply to a request.
 */
const REPLY_ADDRESS_AT = 5;
const NODE_ITSELF = {
  client: NO_CLIENT,
  sequence: 0,
  connection: 0,
  peer: undefined,
  inspection: {},
  reservation: undefined,
} as const;

export interface RequestRouterOptions {
  readonly limits: Pick<NodeLimits, 'parkedClaimsMax'>;
  readonly policy: RequestPolicy;
  readonly peers: PeerOutbox;
  readonly clients: ClientOutbox;
  readonly metrics: NodeMetrics;
  readonly node: NodeId;
  readonly observe: Observer;
}

/**
 * Accepts clients' requests and ensures that each gets one reply: from the state machine, from a rejection that reports whether the request
 * may have taken effect, or from the leader it was forwarded to.
 */
export class RequestRouter {
  readonly #limits: Pick<NodeLimits, 'parkedClaimsMax'>;
  readonly #policy: RequestPolicy;
  readonly #delivery: ReplyDelivery | undefined;
  readonly #supply: LeaderSupply | undefined;
  readonly #onFault: (reason: string, nowMs: number) => void;
  readonly #peers: PeerOutbox;
  readonly #clients: ClientOutbox;
  readonly #metrics: NodeMetrics;
  readonly #scratch = new ByteWriter(1024);
  /** To be proposed in this turn. */
  #queued: QueuedRequest[] = [];
  /** In the log, not yet applied. */
  readonly #proposed = new PendingRequests();
  /** Forwarded to the leader. */
  readonly #forwarded = new PendingRequests();
  readonly #parked = new ParkedRequests();

  constructor(options: RequestRouterOptions) {
    this.#limits = options.limits;
    this.#policy = options.policy;
    this.#delivery = options.policy.delivery;
    this.#supply = options.policy.supply;
    this.#onFault = (reason, atMs) => options.observe({ type: 'supply-failed', node: options.node, atMs, reason });
    this.#peers = options.peers;
    this.#clients = options.clients;
    this.#metrics = options.metrics;
  }

  /** When the next parked request expires, monotonic ms. */
  get nextExpiryMs(): number {
    return this.#parked.nextExpiryMs;
  }

  onClientRequest(connection: number, request: Uint8Array, leadership: Leadership, nowMs: number): void {
    const address = peekRequest(request);
    // Without an address there is no client to reply to: our clients never send such bytes.
    if (address === undefined) return;
    if (this.#delivery?.awaits(address.client) === true) this.#acknowledge(this.#delivery, request);
    const { client, sequence } = address;
    const inspection = this.#policy.inspect(request, leadership.isLeader ? leadership.version : undefined);
    const waiting: QueuedRequest = { client, sequence, connection, peer: undefined, request, inspection, reservation: undefined };
    const fault = this.#faultOf(request, inspection, leadership);
    if (fault !== undefined) this.#reject(waiting, fault.code, 'not-applied', fault.message, fault);
    else if (leadership.isLeader) this.#take(waiting, nowMs);
    else if (leadership.leader === undefined) this.#rejectLeaderless(waiting, 'not-applied');
    else {
      this.#forwarded.add({ client, sequence, connection, peer: undefined });
      this.#peers.add(leadership.leader, { type: 'forward', connection, request });
    }
  }

  /** A request forwarded by a follower. It is checked here, where the version is known, and never forwarded twice. */
  onForwarded(peer: NodeId, connection: number, request: Uint8Array, leadership: Leadership, nowMs: number): void {
    const address = peekRequest(request);
    if (address === undefined) {
      if (leadership.isLeader && this.#delivery?.isOwn(request) === true) this.#queued.push({ ...NODE_ITSELF, request });
      return;
    }
    const waiting: PendingRequest = { ...address, connection, peer };
    if (!leadership.isLeader) {
      this.#rejectLeaderless(waiting, 'not-applied');
      return;
    }
    const inspection = this.#policy.inspect(request, leadership.version);
    const fault = this.#faultOf(request, inspection, leadership);
    if (fault !== undefined) this.#reject(waiting, fault.code, 'not-applied', fault.message, fault);
    else this.#take({ ...waiting, request, inspection, reservation: undefined }, nowMs);
  }

  /** The leader replied to a forwarded request. */
  onForwardReply(connection: number, frame: Uint8Array): void {
    const reader = new ByteReader(frame, REPLY_ADDRESS_AT);
    const client = reader.f64();
    const sequence = reader.f64();
    this.#forwarded.take(client, sequence);
    this.#clients.writerFor(connection).raw(frame);
    if (this.#delivery === undefined) return;
    // A copy: the peer's frame that contains it may be large.
    for (const reply of readServerFrames(frame)) {
      if (reply.type === 'reply' && this.#delivery.isTracked(reply.reply))
        this.#delivery.onSent(connection, client, sequence, reply.reply.slice());
    }
  }

  /** A client cancelled its request: if it is parked, it enters the log like one that has waited long enough. */
  onCancelled(client: number, sequence: number, leadership: Leadership): void {
    if (leadership.isLeader) {
      const parked = this.#parked.takeOne(client, sequence);
      if (parked !== undefined) this.#queued.push(parked);
    } else if (leadership.leader !== undefined && this.#forwarded.has(client, sequence)) {
      this.#peers.add(leadership.leader, { type: 'cancel-claim', client, sequence });
    }
  }

  onClientGone(connection: number, leadership: Leadership): void {
    this.#delivery?.onGone(connection);
    this.#parked.takeOfConnection(connection, undefined);
    const hadForwarded = this.#forwarded.dropConnection(connection);
    if (leadership.isLeader || leadership.leader === undefined || !hadForwarded) return;
    this.#peers.add(leadership.leader, { type: 'client-gone', connection });
  }

  /** The channel of a client ended at the peer that forwarded its requests. */
  onForwardedClientGone(peer: NodeId, connection: number): void {
    this.#parked.takeOfConnection(connection, peer);
  }

  /** Parked requests of that topic can be served. */
  onAvailable(topic: string): void {
    this.#parked.onAvailable(topic);
  }

  onPeerLost(peer: NodeId): void {
    this.#parked.takeOfPeer(peer);
  }

  /** The leadership changed since the waiting requests arrived: their clients must send them again. */
  onLeadershipChanged(): void {
    for (const waiting of this.#proposed.takeAll()) this.#rejectLeaderless(waiting, 'unknown');
    for (const waiting of this.#forwarded.takeAll()) this.#rejectLeaderless(waiting, 'unknown');
    for (const waiting of this.#parked.takeAll()) this.#rejectLeaderless(waiting, 'not-applied');
    this.#metrics.parkedClaims = 0;
    for (const waiting of this.#withoutOwn(this.takeQueued())) this.#rejectLeaderless(waiting, 'not-applied');
  }

  /** With the next turn, the leader proposes requests of its own: replies were not delivered, or the state waits for a value. */
  isOwnDue(nowMs: number): boolean {
    return this.#delivery?.isDue === true || this.#supply?.isDue(nowMs) === true;
  }

  /** This node's own requests. */
  takeOwn(leadership: Leadership, nowMs: number): void {
    this.#takeBackUndelivered(leadership);
    if (this.#supply === undefined || !leadership.isLeader) return;
    for (const request of this.#supply.take(nowMs)) this.#queued.push({ ...NODE_ITSELF, request });
    const fault = this.#supply.takeFault();
    if (fault !== undefined) this.#onFault(fault, nowMs);
  }

  /** The leader takes back what undelivered replies granted; a follower requests it from the leader, and does not retry. */
  #takeBackUndelivered({ isLeader, leader }: Leadership): void {
    if (this.#delivery === undefined || this.#delivery.isEmpty || leader === undefined) return;
    for (const request of this.#delivery.take()) {
      if (isLeader) this.#queued.push({ ...NODE_ITSELF, request });
      else this.#peers.add(leader, { type: 'forward', connection: 0, request });
    }
  }

  /** A newer version executes what is proposed from now on: requests accepted for the previous version must be sent again. */
  onVersionMoved(): void {
    const message = 'The cluster moves to a newer version of its state machine. Send the request again.';
    for (const waiting of [...this.#withoutOwn(this.takeQueued()), ...this.#parked.takeAll()])
      this.#reject(waiting, 'VERSION', 'not-applied', message);
  }

  /** Requests wait to be proposed. */
  get hasQueued(): boolean {
    return this.#queued.length > 0;
  }

  takeQueued(): readonly QueuedRequest[] {
    const queued = this.#queued;
    if (queued.length > 0) this.#queued = [];
    return queued;
  }

  onProposed(items: readonly QueuedRequest[]): void {
    for (const item of items) if (item.client !== NO_CLIENT) this.#proposed.add(item);
  }

  onOverloaded(items: readonly QueuedRequest[], uncommittedBytes: number): void {
    const message = `The leader holds ${uncommittedBytes} bytes that are not yet on a majority. Slow down and retry, or raise raft.uncommittedBytesMax.`;
    for (const item of this.#withoutOwn(items)) this.#reject(item, 'OVERLOADED', 'not-applied', message);
  }

  /** Whether a reply is awaited here. Part of the state machine's reply sink. */
  wants(client: number, sequence: number): boolean {
    return this.#proposed.has(client, sequence) || this.#parked.has(client, sequence);
  }

  /** A request may be parked here whose earlier copy, of another leader, is applied now. */
  reply(client: number, sequence: number, reply: Uint8Array): void {
    for (const waiting of [this.#proposed.take(client, sequence), this.#parked.takeOne(client, sequence)]) {
      if (waiting === undefined) continue;
      this.#reply(waiting, { type: 'reply', reply });
      if (waiting.peer === undefined) this.#delivery?.onSent(waiting.connection, client, sequence, reply);
    }
  }

  /**
   * Something may have become available, time has passed: servable parked requests enter the log. Expired ones do too, although they find
   * nothing: the same request may have reached another leader meanwhile, and only the log determines its outcome.
   * @returns whether any was queued.
   */
  resumeParked(nowMs: number): boolean {
    this.#metrics.parkedClaims = this.#parked.size;
    if (this.#parked.size === 0) return false;
    const servable = this.#parked.takeServable((topic) => this.#policy.available(topic));
    const expired = this.#parked.takeExpired(nowMs);
    for (const parked of servable) this.#queued.push(parked);
    for (const parked of expired) this.#queued.push(parked);
    return servable.length + expired.length > 0;
  }

  #take(waiting: QueuedRequest, nowMs: number): void {
    const { request, inspection } = waiting;
    if (this.#proposed.has(waiting.client, waiting.sequence)) {
      this.#proposed.add(waiting);
      return;
    }
    const { wait } = inspection;
    if (wait === undefined || this.#policy.available(wait.topic) > 0 || this.#policy.isExecuted(waiting.client, waiting.sequence)) {
      this.#queued.push(waiting);
    } else if (this.#parked.size < this.#limits.parkedClaimsMax || this.#parked.has(waiting.client, waiting.sequence)) {
      // A copy: the packet or frame that contains the request may be large, and its other requests were answered long ago.
      this.#parked.park({
        ...waiting,
        request: request.slice(),
        topic: wait.topic,
        demand: wait.demand,
        expiresMs: nowMs + wait.waitMs,
      });
    } else {
      this.#rejectUnparked(waiting);
    }
  }

  /** Not proposed, since it would find nothing: its client would retry at once, and each retry costs a write. */
  #rejectUnparked(waiting: PendingRequest): void {
    const message = `${this.#parked.size} requests already wait. Retry later, use fewer clients, or raise parkedClaimsMax.`;
    this.#reject(waiting, 'RETRY_LATER', 'not-applied', message, { retryAfterMs: RETRY_LATER_MS });
  }

  #faultOf(
    request: Uint8Array,
    { fault }: Inspection,
    { isLeader, version }: Leadership,
  ): (Omit<RequestFault, 'code'> & { readonly code: RejectionCode }) | undefined {
    if (fault === undefined || !isLeader) return fault;
    const { versionMax } = this.#policy;
    // A fault in every version is reported first: the client can correct it.
    const faultOfAny = this.#policy.inspect(request, undefined).fault;
    if (faultOfAny !== undefined) return faultOfAny;
    const remedy =
      version < versionMax && this.#policy.inspect(request, versionMax).fault === undefined
        ? 'It moves on when every member runs a release that has it: upgrade the others, then retry.'
        : 'Use the same release of jobraft on clients and nodes.';
    const message = `The cluster runs version ${version} of its state machine, which does not have this operation. ${remedy}`;
    // The operations at fault do not matter: all are retried until the cluster has moved on.
    return { code: 'VERSION', message, operations: [] };
  }

  #rejectLeaderless(waiting: PendingRequest, outcome: 'not-applied' | 'unknown'): void {
    this.#reject(waiting, 'NO_LEADER', outcome, 'No leader available. An election is in progress; retry after a backoff.');
  }

  #reject(
    { client, sequence, ...origin }: PendingRequest,
    code: RejectionCode,
    outcome: 'not-applied' | 'unknown',
    message: string,
    { operations = [], retryAfterMs = 0 }: { readonly operations?: readonly number[]; readonly retryAfterMs?: number } = {},
  ): void {
    this.#metrics.onRejected(code);
    this.#reply(origin, { type: 'rejected', client, sequence, code, outcome, retryAfterMs, operations, message });
  }

  #reply(origin: Origin, frame: ServerFrame): void {
    if (origin.peer === undefined) {
      writeServerFrame(this.#clients.writerFor(origin.connection), frame);
      return;
    }
    this.#scratch.reset();
    writeServerFrame(this.#scratch, frame);
    this.#peers.add(origin.peer, { type: 'forward-reply', connection: origin.connection, frame: this.#scratch.view() });
  }

  /** This node's own requests are not answered, but kept for later, or made again. @returns the others. */
  #withoutOwn(items: readonly QueuedRequest[]): readonly QueuedRequest[] {
    const own = items.filter(({ client }) => client === NO_CLIENT);
    if (own.length === 0) return items;
    for (const { request } of own) if (this.#delivery?.isOwn(request) === true) this.#delivery.putBack(request);
    return items.filter(({ client }) => client !== NO_CLIENT);
  }

  #acknowledge(delivery: ReplyDelivery, request: Uint8Array): void {
    const { client, acknowledgedBelow } = readRequestHeader(new ByteReader(request));
    delivery.onAcknowledged(client, acknowledgedBelow);
  }
}
