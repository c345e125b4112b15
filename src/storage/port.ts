import type { Generation } from '../base/generation.ts';
import type { DiskId, EntryId, LogIndex } from '../base/ids.ts';
import type { RecordChange } from '../protocol/record.ts';
import type { Entry, HardState, SnapshotId } from '../raft/entry.ts';

/** A record in a snapshot. */
export interface SnapshotRecord extends RecordChange {
  readonly value: Uint8Array;
  /**
   * Made when the record was written to the leader's checkpoint, over its kind's name, key and value, and passed on unchanged: a change
   * between the leader's disk and the follower's is detected when the record is staged.
   */
  readonly checksum: number;
}

/** The writes of one turn, atomic. */
export interface PersistBatch {
  readonly hardState?: HardState;
  /** Deletes the log from `from` on, then appends `entries`, which begin at `from`. */
  readonly append?: { readonly from: LogIndex; readonly entries: readonly Entry[] };
  /** Moves the checkpoint forward: it then covers the log up to `snapshot`. Read once, in order. */
  readonly checkpoint?: { readonly snapshot: SnapshotId; readonly changes: Iterable<RecordChange> };
  /** Deletes the log entries up to and including this index; never beyond the checkpoint. */
  readonly compactTo?: LogIndex;
  /** Raises the file's generation to this one. */
  readonly generation?: Generation;
}

/** The state that a node loads when it starts. */
export interface PersistedState {
  readonly hardState: HardState;
  /** The snapshot that the checkpoint covers; undefined for a node that never wrote one. */
  readonly checkpoint: SnapshotId | undefined;
  /** The entry before the first stored one: index and term of the last compacted entry, or zero. */
  readonly compacted: EntryId;
  /** The stored log, consecutive, beginning right after `compacted`. */
  readonly entries: readonly Entry[];
  /** Made with the file and never changed: another disk is another voter (KIP-853). Zero for a file from before there were disk ids. */
  readonly disk: DiskId;
  /** The file's generation, as raised at this start; zero where it has none. */
  readonly generation: Generation;
}

/** A consistent view of the checkpoint, unaffected by writes. */
export interface CheckpointReader extends Disposable {
  readonly snapshot: SnapshotId;
  /**
   * Whether the storage gave the view up, since keeping it would have taken too much of the disk. It cannot be read any more; open another
   * reader for a snapshot, which sees a later checkpoint. Changes during `persist` only.
   */
  readonly isExpired: boolean;
  /** Up to `bytesMax` bytes of records, or one record that is larger; undefined at the end. @throws {StorageError} on damage. */
  read(bytesMax: number): readonly SnapshotRecord[] | undefined;
}

/** A node's disk. Every call is synchronous: a stuck disk blocks the node. */
export interface NodeStorage extends Disposable {
  /** @throws {StorageError} when a stored row is damaged, naming it. */
  load(): PersistedState;
  /** The checkpoint's records of one kind, in ascending key order. @throws {StorageError} on damage. */
  records(kind: number): Iterable<{ readonly key: number; readonly value: Uint8Array }>;
  /** One record of the checkpoint. @throws {StorageError} on damage. */
  readRecord(kind: number, key: number): Uint8Array | undefined;
  /** Atomic; once it returns, `batch` survives power loss. @throws {StorageError} and the node must stop. */
  persist(batch: PersistBatch): void;
  /**
   * Where one persist should begin its deletion when the log from `from` on is to be deleted: the returned index is at least `from`.
   * Deleting a long suffix at once would block the node for longer than an election takes. After each part the log ends earlier and is
   * complete.
   */
  truncationStart(from: LogIndex): LogIndex;
  openCheckpointReader(): CheckpointReader;
  /**
   * Stages a snapshot received from the leader; `chunk` 0 discards earlier staged chunks.
   * @param records the checksums of those that have one are compared first.
   * @throws {SnapshotDamagedError} when one does not match: nothing of the chunk is staged, and the node goes on.
   */
  stageSnapshot(chunk: number, records: readonly (RecordChange | SnapshotRecord)[]): void;
  /** Atomically replaces checkpoint and log by the staged records: log empty, `compacted` at the snapshot. */
  installSnapshot(snapshot: SnapshotId, hardState: HardState): void;
}
