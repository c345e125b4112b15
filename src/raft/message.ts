import type { Generation } from '../base/generation.ts';
import type { DiskId, EntryId, LogIndex, NodeId, Term } from '../base/ids.ts';
import type { Entry, SnapshotId } from './entry.ts';

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; for a pre-vote the term of the election that the sender would start. */
  readonly term: Term;
}

/** RequestVote (Raft §5.2); as a pre-vote (thesis §9.6) it changes nothing at the receiver. */
export interface RequestVote extends Envelope {
  readonly type: 'request-vote';
  readonly last: EntryId;
  readonly preVote: boolean;
  /** The leader itself requested this election (thesis §3.10): recent contact with that leader is no reason to reject. */
  readonly transfer: boolean;
  /** The voter's disk in the candidate's configuration, zero for any: with another disk the voter must not vote (KIP-853). */
  readonly voterDisk: DiskId;
  /** The latest generation of that disk that the candidate knows of. */
  readonly voterGeneration: Generation;
}

export interface VoteReply extends Envelope {
  readonly type: 'vote-reply';
  readonly preVote: boolean;
  readonly granted: boolean;
  /** The index of the committed configuration that no longer includes the candidate; zero if there is none. */
  readonly removedBy: LogIndex;
}

/** AppendEntries (Raft §5.3); without entries it is a heartbeat. */
export interface AppendEntries extends Envelope {
  readonly type: 'append';
  readonly prev: EntryId;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
  /**
   * Counts the leader's heartbeat rounds; replies repeat it, which shows that the leader was still followed in that round (thesis §6.4).
   */
  readonly round: number;
}

interface AppendResponse extends Envelope {
  /** The round of the AppendEntries that this replies to; zero if it replies to something else. */
  readonly round: number;
  /** The disk of the node that replies. */
  readonly disk: DiskId;
  /** The generation of the disk, once raised. */
  readonly generation: Generation;
}

export interface AppendAccepted extends AppendResponse {
  readonly type: 'append-accepted';
  /** The follower's log, on disk, agrees with the leader's up to here. */
  readonly match: LogIndex;
}

export interface AppendRejected extends AppendResponse {
  readonly type: 'append-rejected';
  /** The index of the predecessor that did not match. */
  readonly rejected: LogIndex;
  /**
   * The follower's best guess of where the logs may agree: its last entry at or before `rejected` whose term is not above the leader's
   * there.
   */
  readonly hint: EntryId;
}

/** InstallSnapshot (Raft §7), one bounded chunk. The bytes are opaque to the core. */
export interface InstallSnapshot extends Envelope {
  readonly type: 'install-snapshot';
  readonly snapshot: SnapshotId;
  /** Number of this chunk, from zero. */
  readonly chunk: number;
  readonly done: boolean;
  readonly data: Uint8Array;
}

export interface SnapshotReply extends Envelope {
  readonly type: 'snapshot-reply';
  readonly snapshot: EntryId;
  /** The chunk that the follower wants next. */
  readonly nextChunk: number;
}

/** TimeoutNow (thesis §3.10): the leader wants the receiver to lead, and has sent it everything. */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now';
}

export type RaftMessage =
  | RequestVote
  | VoteReply
  | AppendEntries
  | AppendAccepted
  | AppendRejected
  | InstallSnapshot
  | SnapshotReply
  | TimeoutNow;
export type RaftMessageType = RaftMessage['type'];

/** The paper's names, for logs and metrics. */
export const RPC_NAMES: Readonly<Record<RaftMessageType, string>> = Object.freeze({
  'request-vote': 'RequestVote',
  'vote-reply': 'RequestVoteResponse',
  append: 'AppendEntries',
  'append-accepted': 'AppendEntriesResponse',
  'append-rejected': 'AppendEntriesResponse',
  'install-snapshot': 'InstallSnapshot',
  'snapshot-reply': 'InstallSnapshotResponse',
  'timeout-now': 'TimeoutNow',
});
