import type { LogIndex, NodeId } from '../base/ids.ts';
import type { ReadConsistency, RejectionCode, ServerFrame } from '../protocol/client-frame.ts';
import { writeServerFrame } from '../protocol/client-frame.ts';
import { peekRequest } from '../protocol/request-encoder.ts';
import type { Effects, ReadableBatch } from '../raft/effects.ts';
import type { NodeLimits } from './limits.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { ClientOutbox, PeerOutbox } from './outbox.ts';
import { ParkedQueries } from './parked-queries.ts';
import type { RequestPolicy } from './request-policy.ts';
import type { Leadership } from './request-router.ts';
import type { QueryRun, StateMachine } from './state-machine.ts';

/** How long a ReadIndex request is remembered; its clients retry much sooner. */
const ASKED_MS_MAX = 30_000;

/** More batches than are in progress when a node is restarted. */
const BATCHES_PER_LIFE = 2 ** 20;
/** Numbers stay below 2^53 whatever the life's number, so that adding one is exact. */
const LIVES = 2 ** 32;

/** A client's query at this node. */
interface Query {
  readonly connection: number;
  readonly client: number;
  readonly sequence: number;
  readonly request: Uint8Array;
}

/** A query whose index is applied. */
interface OpenQuery extends Query {
  readonly run: QueryRun;
}

/** How long a client waits before it sends a query again that cannot wait here. */
const RETRY_LATER_MS = 1_000;

/** A follower's request for its own queries, under its own batch number. */
interface ReadIndexRequest {
  readonly peer: NodeId;
  readonly batch: number;
}

/** Everything that waits for the same result: the index from which on a state may be read. */
interface ReadBatch {
  readonly sinceMs: number;
  readonly queries: Query[];
  readonly requests: ReadIndexRequest[];
}

export interface QueryHandlerOptions {
  readonly machine: Pick<StateMachine, 'openQuery'>;
  readonly policy: Pick<RequestPolicy, 'inspectQuery'>;
  readonly limits: Pick<NodeLimits, 'replyBytesMax' | 'turnBytesMax' | 'parkedClaimsMax'>;
  readonly peers: PeerOutbox;
  readonly clients: ClientOutbox;
  readonly metrics: NodeMetrics;
  /** Differs from one start of the node to the next: a late reply to an earlier life must not match a request of this one. */
  readonly life: number;
  /** Steps the core, which leads. */
  readonly read: (batch: number, lease: boolean) => Effects;
}

/**
 * Queries, which read without a log entry. The leader determines the index that a read must have seen (ReadIndex, thesis §6.4). A follower
 * requests this index, and then serves the reads from its own state, so that reads cost the leader a few bytes for each batch.
 */
export class QueryHandler {
  readonly #options: QueryHandlerOptions;
  /** Arrived in this turn, by whether a lease is sufficient. */
  #linearizable = batchAt(0);
  #lease = batchAt(0);
  /** Requested from the core or the leader, by batch number. */
  readonly #asked = new Map<number, ReadBatch>();
  /** May be served once the state has applied the index. */
  #readable: { readonly index: LogIndex; readonly queries: readonly Query[] }[] = [];
  /** Served now, or as soon as a turn has bytes left for them; the first may be partly served already. */
  readonly #serving: OpenQuery[] = [];
  readonly #parked = new ParkedQueries<OpenQuery>();
  #nowMs = 0;
  #bytesLeft = 0;
  #lastBatch: number;

  constructor(options: QueryHandlerOptions) {
    this.#options = options;
    this.#lastBatch = (options.life % LIVES) * BATCHES_PER_LIFE;
  }

  onQuery(connection: number, request: Uint8Array, consistency: ReadConsistency, leadership: Leadership): void {
    const address = peekRequest(request);
    if (address === undefined) return;
    const query: Query = { ...address, connection, request };
    const { policy } = this.#options;
    const fault = policy.inspectQuery(request);
    if (fault !== undefined) this.#reject(query, fault.code, fault.message, fault.operations);
    else if (consistency === 'stale') this.#open(query);
    else if (leadership.leader === undefined) this.#rejectLeaderless(query);
    else (consistency === 'lease' ? this.#lease : this.#linearizable).queries.push(query);
  }

  /** A follower requests the index from which on it may serve its queries. */
  onReadIndexRequest(peer: NodeId, batch: number, lease: boolean, leadership: Leadership): void {
    if (leadership.isLeader) (lease ? this.#lease : this.#linearizable).requests.push({ peer, batch });
    else this.#options.peers.add(peer, { type: 'read-index', batch, index: undefined });
  }

  /** The leader replied to a request of this node; without an index it does not lead. */
  onReadIndex(batch: number, index: LogIndex | undefined): void {
    const asked = this.#asked.get(batch);
    if (asked === undefined) return;
    this.#asked.delete(batch);
    if (index === undefined) for (const query of asked.queries) this.#rejectLeaderless(query);
    else this.#readable.push({ index, queries: asked.queries });
  }

  /** Requests an index for everything that arrived in this turn at once: from the core if this node leads, otherwise from the leader. */
  requestReadIndexes(leadership: Leadership, nowMs: number): void {
    if (this.#lease.queries.length + this.#lease.requests.length > 0) {
      const batch = this.#lease;
      this.#lease = batchAt(nowMs);
      this.#requestReadIndex({ ...batch, sinceMs: nowMs }, true, leadership, nowMs);
    }
    if (this.#linearizable.queries.length + this.#linearizable.requests.length > 0) {
      const batch = this.#linearizable;
      this.#linearizable = batchAt(nowMs);
      this.#requestReadIndex({ ...batch, sinceMs: nowMs }, false, leadership, nowMs);
    }
  }

  /** The core returned the index from which on these batches may be read. */
  onReadable(readable: readonly ReadableBatch[]): void {
    for (const { batch, index } of readable) {
      const asked = this.#asked.get(batch);
      if (asked === undefined) continue;
      this.#asked.delete(batch);
      for (const { peer, batch: theirs } of asked.requests) this.#options.peers.add(peer, { type: 'read-index', batch: theirs, index });
      if (asked.queries.length > 0) this.#readable.push({ index, queries: asked.queries });
    }
  }

  /** When a query must be answered that waits until there is something to read, monotonic ms. */
  get nextExpiryMs(): number {
    return this.#parked.nextExpiryMs;
  }

  /** There may be something to read of this topic; of any one with undefined. */
  onFilled(topic: string | undefined): void {
    this.#parked.onReadable(topic);
  }

  /** A turn begins. */
  onTurn(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#bytesLeft = this.#options.limits.turnBytesMax;
  }

  /** Whether there are readable queries that this turn had no bytes left for. */
  hasMore(applied: LogIndex): boolean {
    return this.#serving.length > 0 || this.#readable.some(({ index }) => index <= applied);
  }

  /** Serves the readable queries from the applied state, within the turn's bytes. */
  serve(applied: LogIndex): void {
    if (this.#readable.length > 0) {
      const waiting = this.#readable.filter(({ index }) => index > applied);
      for (const { index, queries } of this.#readable) {
        if (index <= applied) for (const query of queries) this.#open(query);
      }
      this.#readable = waiting;
    }
    for (const query of this.#parked.take(this.#nowMs)) this.#serving.push(query);
    let over = 0;
    while (this.#bytesLeft > 0) {
      const next = this.#serving[over];
      if (next === undefined) break;
      const hasReply = this.#replyNext(next, next.run);
      if (hasReply && !next.run.isOver) continue;
      over += 1;
      // It takes more turns: the other queries do not wait for it.
      if (!next.run.isOver) this.#serving.push(next);
    }
    if (over > 0) this.#serving.splice(0, over);
  }

  /** A client's channel has ended. */
  onClientGone(connection: number): void {
    this.#parked.dropConnection(connection);
  }

  /** A client cancelled a query that may wait here. */
  onCancelled(connection: number, client: number, sequence: number): void {
    this.#parked.drop(connection, client, sequence);
  }

  /** The index of the query is applied: it is served, or waits until there is something to read. */
  #open(query: Query): void {
    const { machine, limits } = this.#options;
    const run = machine.openQuery(query.request);
    const { wait } = run;
    if (wait === undefined || wait.waitMs === 0 || wait.isReady()) this.#serving.push({ ...query, run });
    else if (this.#parked.size < limits.parkedClaimsMax) {
      // A copy: the packet that contains the request may be large.
      const request = query.request.slice();
      this.#parked.park({ ...query, request, run: machine.openQuery(request) }, wait, this.#nowMs);
    } else {
      const message = `${this.#parked.size} queries already wait. Retry later, use fewer readers, or raise parkedClaimsMax.`;
      this.#reject(query, 'RETRY_LATER', message, [], RETRY_LATER_MS);
    }
  }

  /** The node that was asked no longer leads, or another one does: clients and followers must retry. */
  onLeadershipChanged(): void {
    const batches = [this.#linearizable, this.#lease, ...this.#asked.values()];
    this.#linearizable = batchAt(0);
    this.#lease = batchAt(0);
    this.#asked.clear();
    for (const { queries, requests } of batches) {
      for (const query of queries) this.#rejectLeaderless(query);
      for (const { peer, batch } of requests) this.#options.peers.add(peer, { type: 'read-index', batch, index: undefined });
    }
  }

  #requestReadIndex(asked: ReadBatch, lease: boolean, { isLeader, leader }: Leadership, nowMs: number): void {
    this.#dropExpired(nowMs);
    this.#lastBatch += 1;
    const batch = this.#lastBatch;
    this.#asked.set(batch, asked);
    if (isLeader) this.#options.read(batch, lease);
    else if (leader !== undefined) this.#options.peers.add(leader, { type: 'read-index-request', batch, lease });
  }

  /** A request or its reply may be lost; the node that sent it has retried since. */
  #dropExpired(nowMs: number): void {
    for (const [batch, { sinceMs }] of this.#asked) {
      if (sinceMs > nowMs - ASKED_MS_MAX) return;
      this.#asked.delete(batch);
    }
  }

  /** Replies with as many operations as fit into one part; usually all of them. @returns false if the next one takes more turns. */
  #replyNext({ connection }: Query, run: QueryRun): boolean {
    const first = run.done;
    const reply = run.next(this.#options.limits.replyBytesMax);
    this.#bytesLeft -= (reply?.length ?? 0) + run.workBytes;
    if (reply === undefined) return false;
    this.#write(connection, first === 0 && run.isOver ? { type: 'reply', reply } : { type: 'part', first, reply });
    return true;
  }

  #rejectLeaderless(query: Query): void {
    this.#reject(query, 'NO_LEADER', 'No leader available. An election is in progress; retry after a backoff, or read stale.');
  }

  #reject(
    { connection, client, sequence }: Query,
    code: RejectionCode,
    message: string,
    operations: readonly number[] = [],
    retryAfterMs = 0,
  ): void {
    this.#options.metrics.onRejected(code);
    this.#write(connection, { type: 'rejected', client, sequence, code, outcome: 'not-applied', retryAfterMs, operations, message });
  }

  #write(connection: number, frame: ServerFrame): void {
    writeServerFrame(this.#options.clients.writerFor(connection), frame);
  }
}

const batchAt = (sinceMs: number): ReadBatch => ({ sinceMs, queries: [], requests: [] });
