import type { EntryId, LogIndex, NodeId } from '../base/ids.ts';
import type { Entry, HardState, SnapshotId } from './entry.ts';
import type { InstallSnapshot, RaftMessage, SnapshotReply } from './message.ts';
import type { RaftNotice } from './notice.ts';

/** What may happen to a core. Every event carries `now`, in milliseconds of a clock that never goes back. */
export type RaftEvent = { readonly now: number } & (
  | { readonly type: 'message'; readonly message: RaftMessage }
  /** Opaque bytes for the log. The answer stands in the effects: `proposed` or `refused`. */
  | { readonly type: 'propose'; readonly data: Uint8Array }
  /** This node's disk holds its log up to here. */
  | { readonly type: 'persisted'; readonly upTo: EntryId }
  | { readonly type: 'deadline' }
  /** The channel to a peer closed. */
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  /** The checkpoint on disk covers the log up to here, and storage has dropped it. */
  | { readonly type: 'compacted'; readonly upTo: LogIndex }
  /** A received snapshot has taken the place of log and state, on disk. */
  | { readonly type: 'snapshot-installed'; readonly snapshot: SnapshotId }
);

export type Refusal =
  | { readonly reason: 'not-leader'; readonly leader: NodeId | undefined }
  | { readonly reason: 'overloaded'; readonly uncommittedBytes: number };

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
  readonly refused: Refusal | undefined;
  /** A follower needs entries that are compacted away: begin to stream a snapshot to it. */
  readonly snapshotWanted: NodeId | undefined;
  /** A chunk from the leader, to be staged and answered. */
  readonly snapshotChunk: InstallSnapshot | undefined;
  /** A follower's answer to a chunk, for whoever streams. */
  readonly snapshotReply: SnapshotReply | undefined;
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
  refused: undefined,
  snapshotWanted: undefined,
  snapshotChunk: undefined,
  snapshotReply: undefined,
  notices: [],
});
