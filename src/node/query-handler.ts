import type { LogIndex, NodeId } from '../base/ids.ts';
import type { ReadConsistency, RejectionCode, ServerFrame } from '../protocol/client-frame.ts';
import { writeServerFrame } from '../protocol/client-frame.ts';
import { peekRequest } from '../protocol/request-encoder.ts';
import { validateQuery } from '../protocol/validate-request.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { QueryRun } from '../queue/query-run.ts';
import type { Effects, ReadableBatch } from '../raft/effects.ts';
import type { NodeLimits } from './limits.ts';
import type { ClientOutbox, PeerOutbox } from './outbox.ts';
import type { Leadership } from './request-router.ts';

/** How long a question to the leader is remembered; its clients ask again much sooner. */
const ASKED_MS_MAX = 30_000;

/** More batches than are under way when a node is started again. */
const BATCHES_PER_LIFE = 2 ** 20;
/** Numbers stay integers that can be counted on by one, whatever the life's number: beyond 2^53 the next one would be the same. */
const LIVES = 2 ** 32;

/** A client's query at this node. */
interface Query {
  readonly connection: number;
  readonly client: number;
  readonly sequence: number;
  readonly request: Uint8Array;
}

/** A follower asks on behalf of its own queries, which it numbers. */
interface ReadIndexRequest {
  readonly peer: NodeId;
  readonly batch: number;
}

/** Everything that waits for the same reply: from which index on a state may be read. */
interface ReadBatch {
  readonly sinceMs: number;
  readonly queries: Query[];
  readonly requests: ReadIndexRequest[];
}

export interface QueryHandlerOptions {
  readonly machine: JobQueue;
  readonly limits: Pick<NodeLimits, 'replyBytesMax' | 'turnBytesMax'>;
  readonly peers: PeerOutbox;
  readonly clients: ClientOutbox;
  /** Differs from one start of the node to the next: a late reply to a question of an earlier life must not reply to one of this life. */
  readonly life: number;
  /** Asks the core, which leads. */
  readonly read: (batch: number, lease: boolean) => Effects;
}

/**
 * Queries, which read without an entry in the log. The leader finds out which index a reading must have seen (ReadIndex, thesis §6.4); a
 * follower asks it for that, and then replies from its own state, so that reads cost the leader a few bytes for each batch.
 */
export class QueryHandler {
  readonly #options: QueryHandlerOptions;
  /** Came in this turn, by whether a lease is good enough. */
  #linearizable = batchAt(0);
  #lease = batchAt(0);
  /** The core or the leader was asked, by the number it was asked under. */
  readonly #asked = new Map<number, ReadBatch>();
  /** May be answered once the state has applied the index. */
  #readable: { readonly index: LogIndex; readonly queries: readonly Query[] }[] = [];
  /** Are answered now, or as soon as a turn has bytes left for them: the first of them perhaps in part already. */
  readonly #answering: { readonly query: Query; readonly run: QueryRun }[] = [];
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
    const fault = validateQuery(request);
    if (fault !== undefined) this.#reject(query, fault.code, fault.message, fault.operations);
    else if (consistency === 'stale') this.#answering.push({ query, run: new QueryRun(request) });
    else if (leadership.leader === undefined) this.#rejectLeaderless(query);
    else (consistency === 'lease' ? this.#lease : this.#linearizable).queries.push(query);
  }

  /** A follower asks from which index on it may reply to its queries. */
  onReadIndexRequest(peer: NodeId, batch: number, lease: boolean, leadership: Leadership): void {
    if (leadership.isLeader) (lease ? this.#lease : this.#linearizable).requests.push({ peer, batch });
    else this.#options.peers.add(peer, { type: 'read-index', batch, index: undefined });
  }

  /** The leader answered a question of this node; without an index it does not lead. */
  onReadIndex(batch: number, index: LogIndex | undefined): void {
    const asked = this.#asked.get(batch);
    if (asked === undefined) return;
    this.#asked.delete(batch);
    if (index === undefined) for (const query of asked.queries) this.#rejectLeaderless(query);
    else this.#readable.push({ index, queries: asked.queries });
  }

  /** Asks for everything that came in this turn at once: the core if this node leads, otherwise the leader. */
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

  /** The core knows from which index on these batches may be read. */
  onReadable(readable: readonly ReadableBatch[]): void {
    for (const { batch, index } of readable) {
      const asked = this.#asked.get(batch);
      if (asked === undefined) continue;
      this.#asked.delete(batch);
      for (const { peer, batch: theirs } of asked.requests) this.#options.peers.add(peer, { type: 'read-index', batch: theirs, index });
      if (asked.queries.length > 0) this.#readable.push({ index, queries: asked.queries });
    }
  }

  /** A turn begins. */
  onTurn(): void {
    this.#bytesLeft = this.#options.limits.turnBytesMax;
  }

  /** There are queries that could be answered, but that this turn had no bytes left for. */
  hasMore(applied: LogIndex): boolean {
    return this.#answering.length > 0 || this.#readable.some(({ index }) => index <= applied);
  }

  /** Replies to what the state has come to, as far as the turn's bytes reach. */
  serve(applied: LogIndex): void {
    if (this.#readable.length > 0) {
      const waiting = this.#readable.filter(({ index }) => index > applied);
      for (const { index, queries } of this.#readable) {
        if (index <= applied) for (const query of queries) this.#answering.push({ query, run: new QueryRun(query.request) });
      }
      this.#readable = waiting;
    }
    let over = 0;
    while (this.#bytesLeft > 0) {
      const next = this.#answering[over];
      if (next === undefined) break;
      this.#replyNext(next.query, next.run);
      if (next.run.isOver) over += 1;
    }
    if (over > 0) this.#answering.splice(0, over);
  }

  /** The node that was asked no longer leads, or another one does: clients and followers must ask again. */
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

  /** A question or its reply may be lost on the way; the node that asked has asked again since. */
  #dropExpired(nowMs: number): void {
    for (const [batch, { sinceMs }] of this.#asked) {
      if (sinceMs > nowMs - ASKED_MS_MAX) return;
      this.#asked.delete(batch);
    }
  }

  /** Replies as many operations as one part may show; all of them, mostly. */
  #replyNext({ connection }: Query, run: QueryRun): void {
    const first = run.done;
    const reply = this.#options.machine.queryNext(run, this.#options.limits.replyBytesMax);
    this.#bytesLeft -= reply.length;
    this.#write(connection, first === 0 && run.isOver ? { type: 'reply', reply } : { type: 'part', first, reply });
  }

  #rejectLeaderless(query: Query): void {
    this.#reject(query, 'NO_LEADER', 'No leader available. An election is under way; retry after a backoff, or read stale.');
  }

  #reject({ connection, client, sequence }: Query, code: RejectionCode, message: string, operations: readonly number[] = []): void {
    this.#write(connection, { type: 'rejected', client, sequence, code, outcome: 'not-applied', operations, message });
  }

  #write(connection: number, frame: ServerFrame): void {
    writeServerFrame(this.#options.clients.writerFor(connection), frame);
  }
}

const batchAt = (sinceMs: number): ReadBatch => ({ sinceMs, queries: [], requests: [] });
