import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { asIndex } from '../../src/base/ids.ts';
import { MACHINE_VERSION, writeEntryHeader } from '../../src/queue/entry-data.ts';
import { parkableClaim, validateRequest } from '../../src/queue/inspect-request.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { SESSIONS_MAX } from '../../src/queue/limits.ts';
import { ReplyEncoder } from '../../src/queue/reply-encoder.ts';
import { peekRequest, RequestEncoder, readRequestHeader } from '../../src/queue/request.ts';
import {
  type NodeStatus,
  type ReadConsistency,
  type RejectionCode,
  readClientFrames,
  type ServerFrame,
  writeServerFrame,
} from '../../src/transport/client-frame.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../src/transport/port.ts';

export interface SeenRequest {
  readonly node: number;
  readonly client: number;
  readonly sequence: number;
  readonly operations: number;
  readonly bytes: Uint8Array;
}

interface Connection {
  readonly node: number;
  readonly handlers: ClientChannelHandlers;
  /** What is posted here is read in a later phase of the event loop than timers, as from a real node's port. */
  readonly port: MessagePort;
  /** The client's side of it. */
  readonly clientPort: MessagePort;
  isOpen: boolean;
}

interface Arrived {
  readonly connection: Connection;
  readonly request: Uint8Array;
  readonly client: number;
  readonly sequence: number;
}

interface Parked extends Arrived {
  readonly queue: string;
  readonly timer: NodeJS.Timeout;
}

/**
 * An endpoint of several nodes that share one real job-queue machine, in this thread. Every node forwards to the leader, as real ones do. Its
 * switches make the faults that a client must survive.
 */
export class FakeCluster implements ClusterEndpoint {
  readonly machine = new JobQueue({ readRecord: () => undefined });
  /** Requests as they arrived, in order, repetitions included. */
  readonly requests: SeenRequest[] = [];
  /** Likewise what only reads. */
  readonly queries: (SeenRequest & { readonly consistency: ReadConsistency })[] = [];
  leader: number | undefined;
  /** Nodes that take everything and never answer. */
  readonly silent = new Set<number>();
  /** Answers to requests that are thrown away instead of being sent. */
  repliesToSwallow = 0;
  /** Rejects every request with this. */
  rejectWith: { readonly code: RejectionCode; readonly outcome: 'not-applied' | 'unknown' } | undefined;
  /** Of a node; the client's own limit is another. */
  payloadBytesMax = 16 * 1024 * 1024;
  /** Added to the wall clock of the log. */
  clockOffsetMs = 0;
  /** Most claims that wait; others are told to come back after `retryAfterMs`. */
  parkedClaimsMax = Number.POSITIVE_INFINITY;
  retryAfterMs = 20;
  /** Requests that went through the log. */
  appliedRequests = 0;
  /** Requests stay unanswered until it is false again. */
  isPaused = false;
  /** Called when a turn has sent its answers, before the client reads them. */
  afterTurn: () => void = () => undefined;
  /** The process that its clients claim for. */
  holder = 0;
  term = 1;
  isClosed = false;
  readonly #closedListeners = new Set<() => void>();
  readonly #nodes: readonly number[];
  readonly #stopped = new Set<number>();
  readonly #connections = new Set<Connection>();
  #arrived: Arrived[] = [];
  readonly #parked = new Set<Parked>();
  /** Claims that their clients cancelled since the last turn. */
  #cancelled: { readonly client: number; readonly sequence: number }[] = [];
  #isScheduled = false;
  #index = 0;
  #dueTimer: NodeJS.Timeout | undefined;

  constructor(nodes: readonly number[] = [1]) {
    this.#nodes = nodes;
    this.leader = nodes[0];
  }

  nodeIds(): readonly number[] {
    return this.#nodes;
  }

  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    if (this.isClosed || this.#stopped.has(node)) return undefined;
    const { port1: port, port2: clientPort } = new MessageChannel();
    const connection: Connection = { node, handlers, port, clientPort, isOpen: true };
    this.#connections.add(connection);
    clientPort.on('message', (packet: Uint8Array) => {
      if (connection.isOpen && !this.silent.has(node)) handlers.onPacket(packet);
    });
    return {
      send: (packet) => {
        if (connection.isOpen) this.#onPacket(connection, packet.slice());
      },
      close: () => this.#hangUp(connection),
    };
  }

  get openChannels(): number {
    return this.#connections.size;
  }

  get parkedClaims(): number {
    return this.#parked.size;
  }

  /** Requests whose single operation opens a session are a handshake; this counts the others. */
  get workRequests(): readonly SeenRequest[] {
    return this.requests.filter((request) => request.sequence > 1);
  }

  stop(node: number): void {
    this.#stopped.add(node);
    if (this.leader === node) this.leader = undefined;
    for (const connection of [...this.#connections]) {
      if (connection.node !== node) continue;
      this.#hangUp(connection);
      setImmediate(() => connection.handlers.onLost());
    }
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

  /** Every session is forgotten, since that many others were opened. Leases and delays stay. */
  expireSessions(): void {
    for (let opened = 0; opened < SESSIONS_MAX; opened += 1) {
      const encoder = new RequestEncoder(64);
      encoder.begin(2 ** 51 + opened, 1, 1);
      encoder.openSession();
      const entry = new ByteWriter(128);
      const nowMs = Date.now() + this.clockOffsetMs;
      writeEntryHeader(entry, { version: MACHINE_VERSION, logMs: nowMs, wallMs: nowMs, isFirstOfTerm: false });
      entry.blob(encoder.finish());
      this.#index += 1;
      this.machine.apply(asIndex(this.#index), entry.copy());
    }
  }

  /** Time moves on and nothing else happens: what is due becomes due. */
  advance(ms: number): void {
    this.clockOffsetMs += ms;
    this.#apply([]);
  }

  /** As the end of a real cluster: those that use it are told, then its nodes stop. What they said before still arrives. */
  end(): void {
    this.isClosed = true;
    for (const listener of this.#closedListeners) listener();
    for (const connection of [...this.#connections]) {
      connection.clientPort.once('close', () => connection.handlers.onLost());
      connection.port.close();
      this.#connections.delete(connection);
    }
  }

  get closedListeners(): number {
    return this.#closedListeners.size;
  }

  close(): void {
    clearTimeout(this.#dueTimer);
    for (const connection of [...this.#connections]) this.#hangUp(connection);
  }

  #hangUp(connection: Connection): void {
    connection.isOpen = false;
    connection.port.close();
    this.#connections.delete(connection);
    for (const parked of this.#parked) if (parked.connection === connection) this.#unpark(parked);
  }

  #onPacket(connection: Connection, packet: Uint8Array): void {
    for (const frame of readClientFrames(packet)) {
      if (frame.type === 'request' || frame.type === 'query') {
        const { client, sequence, operations } = readRequestHeader(new ByteReader(frame.request));
        const seen = { node: connection.node, client, sequence, operations, bytes: frame.request };
        if (frame.type === 'request') this.requests.push(seen);
        else this.queries.push({ ...seen, consistency: frame.consistency });
      }
      if (this.silent.has(connection.node)) continue;
      if (frame.type === 'status') this.#send(connection, { type: 'status', call: frame.call, status: this.#statusOf(connection.node) });
      else if (frame.type === 'log')
        this.#send(connection, { type: 'log', call: frame.call, entries: [{ index: 1, term: 1, kind: 'noop', data: new Uint8Array(0) }] });
      else if (frame.type === 'cancel-claim') {
        this.#cancelled.push(frame);
        this.#schedule();
      } else if (frame.type === 'request') this.#onRequest(connection, frame.request);
      else if (frame.type === 'query') this.#onQuery(connection, frame.request, frame.consistency);
    }
  }

  #onQuery(connection: Connection, request: Uint8Array, consistency: ReadConsistency): void {
    const address = peekRequest(request);
    if (address === undefined) throw new Error('a query without a header');
    const refused =
      this.rejectWith ?? (this.leader === undefined ? { code: 'NO_LEADER' as const, outcome: 'not-applied' as const } : undefined);
    if (refused !== undefined && consistency !== 'stale')
      this.#send(connection, { type: 'rejected', ...address, ...refused, operations: [], message: 'switched on' });
    else if (this.repliesToSwallow > 0) this.repliesToSwallow -= 1;
    else this.#send(connection, { type: 'reply', reply: this.machine.query(request) });
  }

  #onRequest(connection: Connection, request: Uint8Array): void {
    const address = peekRequest(request);
    if (address === undefined) throw new Error('a request without a header');
    const fault = validateRequest(request, { payloadBytesMax: this.payloadBytesMax }, MACHINE_VERSION);
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
    this.#arrived.push({ connection, request, ...address });
    this.#schedule();
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
      const parked = [...this.#parked].find((each) => each.client === client && each.sequence === sequence);
      if (parked === undefined) continue;
      // As at a real leader, the claim is answered through the log.
      this.#unpark(parked);
      applied.push(parked);
    }
    this.#apply(applied);
    this.afterTurn();
  }

  #park(arrived: Arrived): boolean {
    const claim = parkableClaim(arrived.request);
    if (claim === undefined || this.machine.waitingCount(claim.queue) > 0) return false;
    for (const known of this.#parked) if (known.client === arrived.client && known.sequence === arrived.sequence) this.#unpark(known);
    if (this.#parked.size >= this.parkedClaimsMax) {
      const { client, sequence, connection } = arrived;
      const rejection = {
        code: 'RETRY_LATER',
        outcome: 'not-applied',
        retryAfterMs: this.retryAfterMs,
        operations: [],
        message: 'switched on',
      } as const;
      this.#send(connection, { type: 'rejected', client, sequence, ...rejection });
      return true;
    }
    const timer = setTimeout(() => {
      this.#parked.delete(parked);
      this.#send(arrived.connection, { type: 'reply', reply: emptyClaimReply(arrived.client, arrived.sequence) });
    }, claim.waitMs);
    const parked: Parked = { ...arrived, queue: claim.queue, timer };
    this.#parked.add(parked);
    return true;
  }

  #unpark(parked: Parked): void {
    clearTimeout(parked.timer);
    this.#parked.delete(parked);
  }

  #apply(arrived: readonly Arrived[]): void {
    const entry = new ByteWriter(1024);
    const nowMs = Date.now() + this.clockOffsetMs;
    writeEntryHeader(entry, { version: MACHINE_VERSION, logMs: nowMs, wallMs: nowMs, isFirstOfTerm: false });
    for (const each of arrived) entry.blob(each.request);
    this.appliedRequests += arrived.length;
    const packets = new Map<Connection, ByteWriter>();
    this.#index += 1;
    this.machine.apply(asIndex(this.#index), entry.copy(), {
      wants: () => true,
      reply: (client, sequence, bytes) => {
        if (this.repliesToSwallow > 0) {
          this.repliesToSwallow -= 1;
          return;
        }
        const origin = arrived.findLast((each) => each.client === client && each.sequence === sequence);
        if (origin === undefined) return;
        const packet = packets.get(origin.connection) ?? new ByteWriter(4096);
        packets.set(origin.connection, packet);
        writeServerFrame(packet, { type: 'reply', reply: bytes });
      },
    });
    for (const [connection, packet] of packets) this.#post(connection, packet.copy());
    this.#serveParked();
    this.#armDueTimer();
  }

  #serveParked(): void {
    const served = [...this.#parked].filter((parked) => this.machine.waitingCount(parked.queue) > 0);
    for (const parked of served) {
      this.#unpark(parked);
      this.#arrived.push(parked);
    }
    if (served.length > 0) this.#schedule();
  }

  #armDueTimer(): void {
    clearTimeout(this.#dueTimer);
    const { nextLeaseEndMs = Number.POSITIVE_INFINITY, nextDelayEndMs = Number.POSITIVE_INFINITY } = this.machine;
    const dueMs = Math.min(nextLeaseEndMs, nextDelayEndMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#dueTimer = setTimeout(() => this.#apply([]), Math.min(2 ** 30, Math.max(1, dueMs - Date.now() - this.clockOffsetMs)));
    this.#dueTimer.unref();
  }

  #send(connection: Connection, frame: ServerFrame): void {
    const to = new ByteWriter(256);
    writeServerFrame(to, frame);
    this.#post(connection, to.copy());
  }

  /** Like a port: the other side hears of it in a later turn of the event loop. */
  #post(connection: Connection, packet: Uint8Array): void {
    connection.port.postMessage(packet);
  }

  #statusOf(node: number): NodeStatus {
    const state = node === this.leader ? 'leader' : 'follower';
    const leaderId = this.leader ?? null;
    return {
      node,
      state,
      term: this.term,
      votedFor: leaderId,
      leaderId,
      commit: this.#index,
      applied: this.#index,
      firstIndex: 1,
      lastIndex: this.#index,
      lastTerm: this.term,
      voters: this.#nodes,
      outgoing: [],
      learners: [],
      joining: [],
      leaving: [],
      isSettled: true,
      isRemoved: false,
    };
  }
}

/** The answer to a claim that waited for nothing. */
function emptyClaimReply(client: number, sequence: number): Uint8Array {
  const replies = new ReplyEncoder();
  replies.begin(client, sequence, MACHINE_VERSION);
  replies.endClaimed(replies.beginClaimed(), 0);
  return replies.finish();
}
