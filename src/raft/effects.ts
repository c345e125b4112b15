import type { Generation } from '../base/generation.ts';
import type { EntryId, LogIndex, NodeId } from '../base/ids.ts';
import type { Entry, HardState, SnapshotId } from './entry.ts';
import type { MembershipChange } from './membership.ts';
import type { InstallSnapshot, RaftMessage, SnapshotReply } from './message.ts';
import type { RaftNotice } from './notice.ts';
import type { RebuildQuestion } from './rebuild-question.ts';

/** What may happen to a core. Every event carries `now`, in milliseconds of a clock that never goes back. */
export type RaftEvent = { readonly now: number } & (
  | { readonly type: 'message'; readonly message: RaftMessage }
  /** Opaque bytes for the log. The reply stands in the effects: `proposed` or `rejected`. */
  | { readonly type: 'propose'; readonly data: Uint8Array }
  /**
   * Changes the members; answered like a proposal. The further steps of the change follow by themselves. What is rejected as `voters-asked` has to be
   * repeated, with `isRepeated`, until it is decided, within a few election timeouts: nothing that follows by itself goes before it.
   */
  | { readonly type: 'change-membership'; readonly change: MembershipChange; readonly isRepeated?: boolean }
  /** Let another voter lead: `to`, or the one with the most advanced log. Rejected like a proposal, or a notice `transfer` tells how it goes. */
  | { readonly type: 'transfer-leadership'; readonly to: NodeId | undefined }
  /**
   * Reads that came since the last such event, under a number that only grows. `rejected` says that this node does not lead; otherwise
   * `readable` names the batch, now or later. @property lease whether a lease is good enough, when one is held (thesis §6.4.1).
   */
  | { readonly type: 'read'; readonly batch: number; readonly lease: boolean }
  /** This node's disk holds its log up to here. */
  | { readonly type: 'persisted'; readonly upTo: EntryId }
  /** This node's file was raised to this generation, on disk. */
  | { readonly type: 'generation'; readonly generation: Generation }
  /**
   * The deadline has passed.
   * @property readMs when the node last looked for messages; by default now. Nobody's silence counts beyond it.
   * @property unread peers whose messages had arrived then, and were not read yet; by default none.
   */
  | { readonly type: 'deadline'; readonly readMs?: number; readonly unread?: ReadonlySet<NodeId> }
  /** For so many milliseconds before `now` this node read nothing: its turn took so long, or a timer fired so late. */
  | { readonly type: 'away'; readonly durationMs: number }
  /** In the middle of a long turn: heartbeats that are due leave. Nobody's silence is judged, since what arrived meanwhile is not read yet. */
  | { readonly type: 'heartbeat' }
  /**
   * May this node's disk be given up, as damaged as it may be? Only when the effects hold no `rejected`; a rejection may pass, and the question is
   * repeated.
   */
  | ({ readonly type: 'rebuild' } & RebuildQuestion)
  /** The channel to a peer closed. */
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  /** The checkpoint on disk covers the log up to here, and storage has dropped it. */
  | { readonly type: 'compacted'; readonly upTo: LogIndex }
  /** A received snapshot has taken the place of log and state, on disk. */
  | { readonly type: 'snapshot-installed'; readonly snapshot: SnapshotId }
);

export type Rejection =
  | { readonly reason: 'not-leader'; readonly leader: NodeId | undefined }
  | { readonly reason: 'overloaded'; readonly uncommittedBytes: number }
  /** Leadership is on its way to another node. */
  | { readonly reason: 'transferring'; readonly to: NodeId }
  /** The leader has not yet committed an entry of its own term, and cannot know what was committed before (thesis §4.1, corrected in 2015). */
  | { readonly reason: 'not-ready' }
  | { readonly reason: 'change-pending' }
  /** The leader has asked these, the voters before and after the change, whether they are there: ask again until they answered. */
  | { readonly reason: 'voters-asked'; readonly voters: readonly NodeId[] }
  /** Too few of the voters before and after the change reply, each with the disk that it votes with: it could not be committed. */
  | { readonly reason: 'too-few-voters'; readonly present: readonly NodeId[]; readonly voters: readonly NodeId[] }
  /**
   * Without the node's disk, too few voters are known to hold everything that was acknowledged.
   * @property isFinal whatever they hold, the others are no majority of the voters, until members are added.
   */
  | {
      readonly reason: 'too-few-copies';
      readonly node: NodeId;
      readonly holders: readonly NodeId[];
      readonly voters: readonly NodeId[];
      readonly isFinal: boolean;
    }
  | { readonly reason: 'invalid-change' | 'invalid-transfer'; readonly message: string };

/** The state that has applied the log up to `index` may reply these reads. */
export interface ReadableBatch {
  readonly batch: number;
  readonly index: LogIndex;
}

/** What the runtime must do, in this order: send `messages`, persist, send `messagesAfterPersist`, apply up to `commit`. */
export interface Effects {
  /** May leave at once: a leader's AppendEntries may overlap its own write (thesis §10.2.1). */
  readonly messages: readonly RaftMessage[];
  /** May leave only once this step's changes are on disk: votes, requests for votes, acknowledgements. */
  readonly messagesAfterPersist: readonly RaftMessage[];
  /** To be persisted before or with the log: a term is never written after its entries. */
  readonly hardState: HardState | undefined;
  /** The log from `from` on is replaced by `entries`. */
  readonly append: { readonly from: LogIndex; readonly entries: readonly Entry[] } | undefined;
  /** The commit index, when it moved. */
  readonly commit: LogIndex | undefined;
  readonly proposed: EntryId | undefined;
  readonly rejected: Rejection | undefined;
  /** Reads that may be answered; those of a node that ceases to lead are never named, and must be asked again. */
  readonly readable: readonly ReadableBatch[];
  /** These followers need entries that are compacted away: begin to stream a snapshot to each. */
  readonly snapshotsWanted: readonly NodeId[];
  /** A chunk from the leader, to be staged and answered. */
  readonly snapshotChunk: InstallSnapshot | undefined;
  /** A follower's reply to a chunk, for the snapshot transfer. */
  readonly snapshotReply: SnapshotReply | undefined;
  /** The generation on record that this node's file is behind: it was restored from an older copy, and the node must stop, now. */
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
