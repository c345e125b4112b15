import { DURATION_BOUNDS_MS, Histogram, type HistogramCounts } from '../base/histogram.ts';
import { REJECTION_CODES, type RejectionCode } from '../protocol/client-frame.ts';
import type { Effects } from '../raft/effects.ts';
import { type RaftMessage, RPC_NAMES } from '../raft/message.ts';
import { CommitLatency } from './commit-latency.ts';
import type { NodeEvent } from './event.ts';

/** Counters of a node since it started; they only grow. */
export interface NodeCounters {
  readonly elections: number;
  readonly rpcSent: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly turns: number;
  /** Transactions written; with full durability each is one fsync. */
  readonly persists: number;
  readonly entriesAppended: number;
  readonly requests: number;
  /** Read-only requests, which do not go through the log. */
  readonly queries: number;
  readonly checkpoints: number;
}

/** Replies to a node's RPCs of a kind, by what they say. */
export interface RpcReplies {
  readonly rpc: string;
  readonly accepted: number;
  readonly rejected: number;
}

/** What a node counts beside {@link NodeCounters}, since it started. */
export interface NodeDetails {
  readonly rpcReplies: readonly RpcReplies[];
  /** Requests and queries of clients that were rejected before the log, by code. */
  readonly rejected: Readonly<Record<RejectionCode, number>>;
  /** How often this node began to lead, or to follow a leader: also the same one again, after its channel was lost. */
  readonly leaderChanges: number;
  readonly snapshotsSent: number;
  readonly snapshotsInstalled: number;
  /** Claims that wait at this leader for a job. */
  readonly parkedClaims: number;
  /** From the proposal of an entry to its commit, in ms. */
  readonly commitMs: HistogramCounts;
  readonly checkpointMs: HistogramCounts;
  /** Of one proposed entry, which is a batch of requests. */
  readonly entryRequests: HistogramCounts;
  readonly entryOperations: HistogramCounts;
  readonly entryBytes: HistogramCounts;
}

const COUNT_BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
const BYTE_BOUNDS = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216];

const noReplies = () => ({ accepted: 0, rejected: 0 });

/** Counts the events of the event stream, in addition to the counters of the turn itself. */
export class NodeMetrics {
  elections = 0;
  bytesSent = 0;
  turns = 0;
  persists = 0;
  entriesAppended = 0;
  requests = 0;
  queries = 0;
  checkpoints = 0;
  parkedClaims = 0;
  readonly commits = new CommitLatency();
  #leaderChanges = 0;
  #snapshotsSent = 0;
  #snapshotsInstalled = 0;
  readonly #appends = noReplies();
  readonly #votes = noReplies();
  readonly #preVotes = noReplies();
  readonly #chunks = noReplies();
  /** All codes, so that each has a series from the start on. */
  readonly #rejected = Object.fromEntries(REJECTION_CODES.map((code) => [code, 0])) as Record<RejectionCode, number>;
  readonly #rpcSent: Record<string, number> = {};
  readonly #checkpointMs = new Histogram(DURATION_BOUNDS_MS);
  readonly #entryRequests = new Histogram(COUNT_BOUNDS);
  readonly #entryOperations = new Histogram(COUNT_BOUNDS);
  readonly #entryBytes = new Histogram(BYTE_BOUNDS);

  observe(event: NodeEvent): void {
    switch (event.type) {
      case 'rpc-sent': {
        const name = RPC_NAMES[event.rpc];
        this.#rpcSent[name] = (this.#rpcSent[name] ?? 0) + 1;
        break;
      }
      case 'election-timeout':
        this.elections += 1;
        break;
      case 'checkpoint':
        this.checkpoints += 1;
        this.#checkpointMs.observe(event.tookMs);
        break;
      case 'leader-known':
        this.#leaderChanges += 1;
        break;
      case 'role':
        if (event.role === 'leader' || (event.role === 'follower' && event.leader !== undefined)) this.#leaderChanges += 1;
        break;
      case 'snapshot-sent':
        this.#snapshotsSent += 1;
        break;
      case 'snapshot-installed':
        this.#snapshotsInstalled += 1;
        break;
    }
  }

  /** A peer replied. */
  onMessage(message: RaftMessage): void {
    switch (message.type) {
      case 'append-accepted':
        this.#appends.accepted += 1;
        break;
      case 'append-rejected':
        this.#appends.rejected += 1;
        break;
      case 'vote-reply':
        (message.preVote ? this.#preVotes : this.#votes)[message.granted ? 'accepted' : 'rejected'] += 1;
        break;
      case 'snapshot-reply':
        this.#chunks.accepted += 1;
        break;
    }
  }

  onEffects({ append, proposed }: Effects, nowMs: number): void {
    if (append !== undefined) this.entriesAppended += append.entries.length;
    if (proposed !== undefined) this.commits.onProposed(proposed.index, nowMs);
  }

  /** An entry was proposed, with so many requests and operations of clients. */
  onEntry(requests: number, operations: number, bytes: number): void {
    this.#entryRequests.observe(requests);
    this.#entryOperations.observe(operations);
    this.#entryBytes.observe(bytes);
  }

  onRejected(code: RejectionCode): void {
    this.#rejected[code] += 1;
  }

  snapshot(): NodeCounters {
    const { elections, bytesSent, turns, persists, entriesAppended, requests, queries, checkpoints } = this;
    return { elections, rpcSent: { ...this.#rpcSent }, bytesSent, turns, persists, entriesAppended, requests, queries, checkpoints };
  }

  details(): NodeDetails {
    return {
      rpcReplies: [
        { rpc: 'AppendEntries', ...this.#appends },
        { rpc: 'RequestVote', ...this.#votes },
        { rpc: 'PreVote', ...this.#preVotes },
        { rpc: 'InstallSnapshot', ...this.#chunks },
      ],
      rejected: { ...this.#rejected },
      leaderChanges: this.#leaderChanges,
      snapshotsSent: this.#snapshotsSent,
      snapshotsInstalled: this.#snapshotsInstalled,
      parkedClaims: this.parkedClaims,
      commitMs: this.commits.histogram.snapshot(),
      checkpointMs: this.#checkpointMs.snapshot(),
      entryRequests: this.#entryRequests.snapshot(),
      entryOperations: this.#entryOperations.snapshot(),
      entryBytes: this.#entryBytes.snapshot(),
    };
  }
}
