import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import type { JobraftError } from '../../src/base/errors.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../src/client/endpoint.ts';
import { Quarantine } from '../../src/client/worker/quarantine.ts';
import {
  type NodeStatus,
  type ReadConsistency,
  type RejectionCode,
  readClientFrames,
  type ServerFrame,
  writeServerFrame,
} from '../../src/protocol/client-frame.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { peekRequest, readRequestHeader } from '../../src/protocol/request-encoder.ts';
import { type ClaimPlace, type InspectedRequest, inspectRequest } from '../../src/protocol/validate-request.ts';
import type { JobQueue } from '../../src/queue/job-queue.ts';
import { ReplyEncoder } from '../../src/queue/reply-encoder.ts';
import { aNodeStatus } from '../cluster/node-status.ts';
import { FakeChannels, type FakeConnection } from './fake-channels.ts';
import { FakeLog } from './fake-log.ts';
import { type ArrivedRequest, FakeParking } from './fake-parking.ts';

export interface SeenRequest {
  readonly node: number;
  readonly client: number;
  readonly sequence: number;
  readonly operations: number;
  readonly bytes: Uint8Array;
}

/**
 * An endpoint of several nodes that share one real job-queue machine, in this thread. Every node forwards to the leader, as real ones
 * do. Its switches cause the faults that a client must survive.
 */
export class FakeCluster implements ClusterEndpoint {
  /** Requests as they arrived, in order, repetitions included. */
  readonly requests: SeenRequest[] = [];
  /** The same for queries. */
  readonly queries: (SeenRequest & { readonly consistency: ReadConsistency })[] = [];
  leader: number | undefined;
  /** Nodes that accept everything and never reply. */
  readonly silent = new Set<number>();
  /** These reply to questions for their status only. */
  readonly stalled = new Set<number>();
  /** Number of replies to requests that are dropped instead of being sent. */
  repliesToSwallow = 0;
  /** Rejects every request with this code. */
  rejectWith: { readonly code: RejectionCode; readonly outcome: 'not-applied' | 'unknown' } | undefined;
  /** The limit of a node; the client has its own. */
  payloadBytesMax = 16 * 1024 * 1024;
  /** Maximum number of waiting claims; others must be sent again after `retryAfterMs`. */
  parkedClaimsMax = Number.POSITIVE_INFINITY;
  retryAfterMs = 20;
  /** Maximum number of jobs of one claim, like a leader whose reply has no space for more payloads. */
  claimedJobsMax = Number.POSITIVE_INFINITY;
  /** Requests that went through the log. */
  appliedRequests = 0;
  /** Requests stay unanswered until it is false again. */
  isPaused = false;
  /** Called when a turn has sent its replies, before the client reads them. */
  afterTurn: () => void = () => undefined;
  /** The error that keeps a majority of its nodes from running. */
  outage: JobraftError | undefined;
  /** The process for which its clients claim. */
  holder = 0;
  term = 1;
  isClosed = false;
  readonly #closedListeners = new Set<() => void>();
  readonly #nodes: readonly number[];
  readonly #stopped = new Set<number>();
  readonly #channels = new FakeChannels({
    onPacket: (connection, packet) => this.#onPacket(connection, packet),
    onClosed: (connection) => this.#parking.onChannelClosed(connection),
    isSilent: (node) => this.silent.has(node),
  });
  readonly #log = new FakeLog(() => this.#apply([]));
  readonly #parking = new FakeParking(({ connection, client, sequence }) =>
    this.#send(connection, { type: 'reply', reply: emptyClaimReply(client, sequence) }),
  );
  #arrived: ArrivedRequest[] = [];
  /** Claims that their clients cancelled since the last turn. */
  #cancelled: { readonly client: number; readonly sequence: number }[] = [];
  #isScheduled = false;

  /** @param quarantine of its workers' process. The default is a process of its own: no test affects the next one. */
  constructor(nodes: readonly number[] = [1], quarantine = new Quarantine()) {
    this.#nodes = nodes;
    this.leader = nodes[0];
    Quarantine.assign(this, quarantine);
  }

  get machine(): JobQueue {
    return this.#log.machine;
  }

  nodeIds(): readonly number[] {
    return this.#nodes;
  }

  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  outageCause(): JobraftError | undefined {
    return this.outage;
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    if (this.isClosed || this.#stopped.has(node)) return undefined;
    return this.#channels.open(node, handlers);
  }

  get openChannels(): number {
    return this.#channels.size;
  }

  get parkedClaims(): number {
    return this.#parking.size;
  }

  /** Requests whose single operation opens a session are a handshake; this counts the others. */
  get workRequests(): readonly SeenRequest[] {
    return this.requests.filter((request) => request.sequence > 1);
  }

  stop(node: number): void {
    this.#stopped.add(node);
    if (this.leader === node) this.leader = undefined;
    this.#channels.loseNode(node);
  }

  start(node: number): void {
    this.#stopped.delete(node);
  }

  elect(node: number): void {
    this.leader = node;
    this.term += 1;
  }

  resume(): void {
    this.isPaused = false;
    this.#schedule();
  }

  /** Ends every session, as if the maximum number of others were opened. Leases and delays stay. */
  expireSessions(): void {
    this.#log.expireSessions();
  }

  /** From now on real time ends no lease and no delay: only {@link advance} moves the cluster's clock. */
  stopClock(): void {
    this.#log.stopClock();
  }

  /** Only time advances: what is due becomes due. */
  advance(ms: number): void {
    this.#log.advance(ms);
    this.#apply([]);
  }

  /** Like the end of a real cluster: its users are notified, then its nodes stop. Messages sent before still arrive. */
  end(): void {
    this.isClosed = true;
    for (const listener of this.#closedListeners) listener();
    this.#channels.end();
  }

  get closedListeners(): number {
    return this.#closedListeners.size;
  }

  close(): void {
    this.#log.close();
    this.#channels.close();
  }

  #onPacket(connection: FakeConnection, packet: Uint8Array): void {
    for (const frame of readClientFrames(packet)) {
      if (frame.type === 'request' || frame.type === 'query') {
        const { client, sequence, operations } = readRequestHeader(new ByteReader(frame.request));
        const seen = { node: connection.node, client, sequence, operations, bytes: frame.request };
        if (frame.type === 'request') this.requests.push(seen);
        else this.queries.push({ ...seen, consistency: frame.consistency });
      }
      if (this.silent.has(connection.node)) continue;
      if (frame.type === 'status') this.#send(connection, { type: 'status', call: frame.call, status: this.#statusOf(connection.node) });
      else if (this.stalled.has(connection.node)) continue;
      else if (frame.type === 'log')
        this.#send(connection, { type: 'log', call: frame.call, entries: [{ index: 1, term: 1, kind: 'noop', data: new Uint8Array(0) }] });
      else if (frame.type === 'cancel-claim') {
        this.#cancelled.push(frame);
        this.#schedule();
      } else if (frame.type === 'request') this.#onRequest(connection, frame.request);
      else if (frame.type === 'query') this.#onQuery(connection, frame.request, frame.consistency);
    }
  }

  #onQuery(connection: FakeConnection, request: Uint8Array, consistency: ReadConsistency): void {
    const address = peekRequest(request);
    if (address === undefined) throw new Error('a query without a header');
    const rejected =
      this.rejectWith ?? (this.leader === undefined ? { code: 'NO_LEADER' as const, outcome: 'not-applied' as const } : undefined);
    if (rejected !== undefined && consistency !== 'stale')
      this.#send(connection, { type: 'rejected', ...address, ...rejected, operations: [], message: 'switched on' });
    else if (this.repliesToSwallow > 0) this.repliesToSwallow -= 1;
    else this.#send(connection, { type: 'reply', reply: this.machine.query(request) });
  }

  #onRequest(connection: FakeConnection, request: Uint8Array): void {
    const address = peekRequest(request);
    if (address === undefined) throw new Error('a request without a header');
    const { fault, claims } = this.#inspect(request);
    const rejection =
      fault !== undefined
        ? { ...fault, outcome: 'not-applied' as const }
        : this.rejectWith !== undefined
          ? { ...this.rejectWith, operations: [], message: 'switched on' }
          : this.leader === undefined
            ? { code: 'NO_LEADER' as const, outcome: 'not-applied' as const, operations: [], message: 'No leader available.' }
            : undefined;
    if (rejection !== undefined) {
      this.#send(connection, { type: 'rejected', ...address, ...rejection });
      return;
    }
    this.#arrived.push({ connection, request: this.#shortened(request, claims), ...address });
    this.#schedule();
  }

  /** @returns a copy whose claims request no more jobs than allowed. */
  #shortened(request: Uint8Array, claims: readonly ClaimPlace[]): Uint8Array {
    const copy = request.slice();
    for (const { countMax, countAt } of claims)
      new DataView(copy.buffer, copy.byteOffset).setUint32(countAt, Math.min(countMax, this.claimedJobsMax), true);
    return copy;
  }

  #schedule(): void {
    if (this.#isScheduled || this.isPaused) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.isPaused) this.#turn();
    });
  }

  #turn(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    const cancelled = this.#cancelled;
    this.#cancelled = [];
    const applied = arrived.filter((each) => !this.#park(each));
    for (const { client, sequence } of cancelled) {
      const parked = this.#parking.take(client, sequence);
      // As at a real leader, the claim is answered through the log.
      if (parked !== undefined) applied.push(parked);
    }
    this.#apply(applied);
    this.afterTurn();
  }

  #inspect(request: Uint8Array): InspectedRequest {
    return inspectRequest(request, { payloadBytesMax: this.payloadBytesMax }, MACHINE_VERSION);
  }

  /** @returns whether the request is a claim that waits, or must be sent again later. */
  #park(arrived: ArrivedRequest): boolean {
    const claim = this.#inspect(arrived.request).waitingClaim;
    const { client, sequence, connection } = arrived;
    if (claim === undefined || this.machine.waitingCount(claim.queue) > 0) return false;
    if (this.machine.sessions.isExecuted(client, sequence)) return false;
    this.#parking.take(client, sequence);
    if (this.#parking.size < this.parkedClaimsMax) {
      this.#parking.park(arrived, claim);
    } else {
      const { retryAfterMs } = this;
      const rejection = { code: 'RETRY_LATER', outcome: 'not-applied', retryAfterMs, operations: [], message: 'switched on' } as const;
      this.#send(connection, { type: 'rejected', client, sequence, ...rejection });
    }
    return true;
  }

  #apply(arrived: readonly ArrivedRequest[]): void {
    this.appliedRequests += arrived.length;
    const packets = new Map<FakeConnection, ByteWriter>();
    const onReply = (client: number, sequence: number, reply: Uint8Array): void => {
      if (this.repliesToSwallow > 0) {
        this.repliesToSwallow -= 1;
        return;
      }
      const origin = arrived.findLast((each) => each.client === client && each.sequence === sequence);
      if (origin === undefined) return;
      const packet = packets.get(origin.connection) ?? new ByteWriter(4096);
      packets.set(origin.connection, packet);
      writeServerFrame(packet, { type: 'reply', reply });
    };
    this.#log.apply(
      arrived.map(({ request }) => request),
      onReply,
    );
    for (const [connection, packet] of packets) this.#post(connection, packet.copy());
    const served = this.#parking.takeServed((queue) => this.machine.waitingCount(queue) > 0);
    this.#arrived.push(...served);
    if (served.length > 0) this.#schedule();
  }

  #send(connection: FakeConnection, frame: ServerFrame): void {
    const to = new ByteWriter(256);
    writeServerFrame(to, frame);
    this.#post(connection, to.copy());
  }

  /** Like a port: the other side reads it in a later turn of the event loop. */
  #post(connection: FakeConnection, packet: Uint8Array): void {
    connection.port.postMessage(packet);
  }

  #statusOf(node: number): NodeStatus {
    const { term } = this;
    const leaderId = this.leader ?? null;
    const state = node === this.leader ? 'leader' : 'follower';
    const at = this.#log.lastIndex;
    return aNodeStatus({
      ...{ node, state, term, leaderId, votedFor: leaderId, commit: at, applied: at, lastIndex: at, lastTerm: term, voters: this.#nodes },
    });
  }
}

/** The reply to a claim that got no job. */
function emptyClaimReply(client: number, sequence: number): Uint8Array {
  const replies = new ReplyEncoder();
  replies.begin(client, sequence, MACHINE_VERSION);
  replies.endClaimed(replies.beginClaimed(), 0);
  return replies.finish();
}
