import type { Generation } from '../base/generation.ts';
import type { DiskId, EntryId, LogIndex } from '../base/ids.ts';
import type { Entry, HardState, SnapshotId } from '../raft/entry.ts';

/** One record of the state machine's checkpoint; `value` undefined means the record is gone. */
export interface RecordChange {
  /** Which of the machine's record kinds; an index into the list that the storage was opened with. */
  readonly kind: number;
  /** A safe integer of at least zero. */
  readonly key: number;
  readonly value: Uint8Array | undefined;
}

/** A record as a snapshot carries it. */
export interface SnapshotRecord extends RecordChange {
  readonly value: Uint8Array;
  /**
   * Made when the record was written to the leader's checkpoint, over its kind's name, key and value, and passed on as it is: what
   * changes between the leader's disk and the follower's is found out when it is staged.
   */
  readonly checksum: number;
}

/** What one turn writes, atomically. */
export interface PersistBatch {
  readonly hardState?: HardState;
  /** Deletes the log from `from` on, then appends `entries`, which begin at `from`. */
  readonly append?: { readonly from: LogIndex; readonly entries: readonly Entry[] };
  /** Brings the checkpoint forward: it then covers the log up to `snapshot`. Read once, in order. */
  readonly checkpoint?: { readonly snapshot: SnapshotId; readonly changes: Iterable<RecordChange> };
  /** Deletes the log entries up to and with this index; never beyond the checkpoint. */
  readonly compactTo?: LogIndex;
  /** Raises the file's generation to this one. */
  readonly generation?: Generation;
}

/** What a node finds when it starts. */
export interface PersistedState {
  readonly hardState: HardState;
  /** What the checkpoint covers; undefined for a node that never wrote one. */
  readonly checkpoint: SnapshotId | undefined;
  /** The entry before the first stored one: index and term of what was compacted away last, or zero. */
  readonly compacted: EntryId;
  /** The stored log, consecutive, beginning right behind `compacted`. */
  readonly entries: readonly Entry[];
  /** Made with the file and never changed: another disk is another voter (KIP-853). Zero for a file from before there were such ids. */
  readonly disk: DiskId;
  /** The file's, as it was raised at this start; zero where it promises nothing. */
  readonly generation: Generation;
}

/** A consistent view of the checkpoint that writes do not disturb. */
export interface CheckpointReader extends Disposable {
  readonly snapshot: SnapshotId;
  /**
   * Whether the storage gave the view up, since keeping it would have cost too much of the disk. It cannot be read any more;
   * whoever needs a snapshot opens another reader, which sees a later checkpoint. Changes during `persist` only.
   */
  readonly isExpired: boolean;
  /** Up to `bytesMax` bytes of records, or one record that is larger; undefined at the end. @throws {StorageError} on damage. */
  read(bytesMax: number): readonly SnapshotRecord[] | undefined;
}

/** A node's disk. Every call is synchronous: while the disk is stuck, so is the node. */
export interface NodeStorage extends Disposable {
  /** @throws {StorageError} when a stored row is damaged, saying which. */
  load(): PersistedState;
  /** The checkpoint's records of one kind, in ascending key order. @throws {StorageError} on damage. */
  records(kind: number): Iterable<{ readonly key: number; readonly value: Uint8Array }>;
  /** One record of the checkpoint. @throws {StorageError} on damage. */
  readRecord(kind: number, key: number): Uint8Array | undefined;
  /** Atomic; once it returns, `batch` survives power loss. @throws {StorageError} and the node must stop. */
  persist(batch: PersistBatch): void;
  /**
   * How much of the log one persist should delete when all of it from `from` on is to be deleted: from the returned index on, which is at least
   * `from`. Deleting a long suffix at once would hold the node up for longer than an election takes. After each part the log ends earlier and
   * is whole.
   */
  truncationStart(from: LogIndex): LogIndex;
  openCheckpointReader(): CheckpointReader;
  /**
   * Stages a snapshot received from the leader; `chunk` 0 discards whatever was staged before.
   * @param records those that carry a checksum are compared with it first.
   * @throws {SnapshotDamagedError} when one does not match: nothing of the chunk is staged, and the node goes on.
   */
  stageSnapshot(chunk: number, records: readonly (RecordChange | SnapshotRecord)[]): void;
  /** Atomically replaces checkpoint and log by the staged records: log empty, `compacted` at the snapshot. */
  installSnapshot(snapshot: SnapshotId, hardState: HardState): void;
}
