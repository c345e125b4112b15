import type { Generation } from '../base/generation.ts';
import type { EntryId, LogIndex, NodeId } from '../base/ids.ts';
import type { Entry, HardState, SnapshotId } from './entry.ts';
import type { MembershipChange } from './membership.ts';
import type { InstallSnapshot, RaftMessage, SnapshotReply } from './message.ts';
import type { RaftNotice } from './notice.ts';
import type { RebuildQuestion } from './rebuild-question.ts';

/** Inputs of a core. Every event carries `now`, in milliseconds of a clock that never goes back. */
export type RaftEvent = { readonly now: number } & (
  | { readonly type: 'message'; readonly message: RaftMessage }
  /** Opaque bytes for the log. The reply is in the effects: `proposed` or `rejected`. */
  | { readonly type: 'propose'; readonly data: Uint8Array }
  /**
   * Changes the members; the reply is like a proposal's. The further steps of the change follow automatically. A request rejected with
   * `voters-asked` must be repeated, with `isRepeated`, until it is decided, within a few election timeouts: no automatic step overtakes
   * it.
   */
  | { readonly type: 'change-membership'; readonly change: MembershipChange; readonly isRepeated?: boolean }
  /**
   * Let another voter lead: `to`, or the one with the most advanced log. Rejected like a proposal; otherwise `transfer` notices report the
   * progress.
   */
  | { readonly type: 'transfer-leadership'; readonly to: NodeId | undefined }
  /**
   * Reads that arrived since the last such event, under a number that only grows. `rejected` means that this node does not lead; otherwise
   * `readable` names the batch, now or later. @property lease whether a valid lease is sufficient (thesis §6.4.1).
   */
  | { readonly type: 'read'; readonly batch: number; readonly lease: boolean }
  /** This node's disk holds its log up to here. */
  | { readonly type: 'persisted'; readonly upTo: EntryId }
  /** The generation of this node's file was raised to this one, on disk. */
  | { readonly type: 'generation'; readonly generation: Generation }
  /**
   * The deadline has passed.
   * @property readMs when the node last read its messages; by default now. Silence after that time does not count.
   * @property unread peers whose messages had arrived then, and were not read yet; by default none.
   */
  | { readonly type: 'deadline'; readonly readMs?: number; readonly unread?: ReadonlySet<NodeId> }
  /** For this many milliseconds before `now` this node read nothing: its turn took so long, or a timer fired so late. */
  | { readonly type: 'away'; readonly durationMs: number }
  /**
   * In the middle of a long turn: due heartbeats are sent. Silence is not judged, since messages that arrived meanwhile are not read yet.
   */
  | { readonly type: 'heartbeat' }
  /**
   * May this node's disk be discarded, however damaged it is? Only when the effects contain no `rejected`; a rejection may be temporary,
   * and the request is repeated.
   */
  | ({ readonly type: 'rebuild' } & RebuildQuestion)
  /** The channel to a peer closed. */
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  /** All nodes of the cluster were started together, and none leads: there is no leader to wait for. */
  | { readonly type: 'leaderless' }
  /** The checkpoint on disk covers the log up to here, and storage has dropped it. */
  | { readonly type: 'compacted'; readonly upTo: LogIndex }
  /** A received snapshot has replaced log and state, on disk. */
  | { readonly type: 'snapshot-installed'; readonly snapshot: SnapshotId }
);

export type Rejection =
  | { readonly reason: 'not-leader'; readonly leader: NodeId | undefined }
  | { readonly reason: 'overloaded'; readonly uncommittedBytes: number }
  /** Leadership is being transferred to another node. */
  | { readonly reason: 'transferring'; readonly to: NodeId }
  /**
   * The leader has not yet committed an entry of its own term, and cannot know what was committed before (thesis §4.1, corrected in 2015).
   */
  | { readonly reason: 'not-ready' }
  | { readonly reason: 'change-pending' }
  /**
   * The leader has asked these voters, before and after the change, to confirm that they are available: repeat the request until they
   * reply.
   */
  | { readonly reason: 'voters-asked'; readonly voters: readonly NodeId[] }
  /** Too few of the voters before and after the change reply with the disk that they vote with: the change could not be committed. */
  | { readonly reason: 'too-few-voters'; readonly present: readonly NodeId[]; readonly voters: readonly NodeId[] }
  /**
   * Without the node's disk, too few voters are known to have everything that was acknowledged.
   * @property isFinal whatever the others have, they are no majority of the voters until members are added.
   */
  | {
      readonly reason: 'too-few-copies';
      readonly node: NodeId;
      readonly holders: readonly NodeId[];
      readonly voters: readonly NodeId[];
      readonly isFinal: boolean;
    }
  | { readonly reason: 'invalid-change' | 'invalid-transfer'; readonly message: string };

/** A state that has applied the log up to `index` may serve these reads. */
export interface ReadableBatch {
  readonly batch: number;
  readonly index: LogIndex;
}

/** What the runtime must do, in this order: send `messages`, persist, send `messagesAfterPersist`, apply up to `commit`. */
export interface Effects {
  /** May be sent at once: a leader's AppendEntries may overlap its own write (thesis §10.2.1). */
  readonly messages: readonly RaftMessage[];
  /** May be sent only once this step's changes are on disk: votes, requests for votes, acknowledgements. */
  readonly messagesAfterPersist: readonly RaftMessage[];
  /** Persist before or with the log: a term is never written after its entries. */
  readonly hardState: HardState | undefined;
  /** `entries` replace the log from `from` on. */
  readonly append: { readonly from: LogIndex; readonly entries: readonly Entry[] } | undefined;
  /** The commit index, if it advanced. */
  readonly commit: LogIndex | undefined;
  readonly proposed: EntryId | undefined;
  readonly rejected: Rejection | undefined;
  /** Reads that may be served. Reads of a node that ceases to lead never appear here and must be requested again. */
  readonly readable: readonly ReadableBatch[];
  /** These followers need entries that are compacted away: start to stream a snapshot to each. */
  readonly snapshotsWanted: readonly NodeId[];
  /** A chunk from the leader, to be staged and acknowledged. */
  readonly snapshotChunk: InstallSnapshot | undefined;
  /** A follower's reply to a chunk, for the snapshot transfer. */
  readonly snapshotReply: SnapshotReply | undefined;
  /** The recorded generation that this node's file is behind: the file was restored from an older copy, and the node must stop now. */
  readonly rolledBack: Generation | undefined;
  readonly notices: readonly RaftNotice[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer Item)[] ? Item[] : T[K] };
export type EffectsBuilder = Writable<Effects>;

export const emptyEffects = (): EffectsBuilder => ({
  messages: [],
  messagesAfterPersist: [],
  hardState: undefined,
  append: undefined,
  commit: undefined,
  proposed: undefined,
  rejected: undefined,
  readable: [],
  snapshotsWanted: [],
  snapshotChunk: undefined,
  snapshotReply: undefined,
  rolledBack: undefined,
  notices: [],
});
