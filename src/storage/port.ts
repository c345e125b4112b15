import type { EntryId, LogIndex } from '../base/ids.ts';
import type { Entry, HardState, SnapshotId } from '../raft/entry.ts';

/** One record of the state machine's checkpoint; `value` undefined means the record is gone. */
export interface RecordChange {
  /** Which of the machine's record kinds; an index into the list that the storage was opened with. */
  readonly kind: number;
  /** A safe integer of at least zero. */
  readonly key: number;
  readonly value: Uint8Array | undefined;
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
}

/** A consistent view of the checkpoint that writes do not disturb. */
export interface CheckpointReader extends Disposable {
  readonly snapshot: SnapshotId;
  /** Up to about `bytesMax` bytes of records (at least one record), or undefined at the end. */
  read(bytesMax: number): readonly RecordChange[] | undefined;
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
  openCheckpointReader(): CheckpointReader;
  /** Stages a snapshot received from the leader; `chunk` 0 discards whatever was staged before. */
  stageSnapshot(chunk: number, records: readonly RecordChange[]): void;
  /** Atomically replaces checkpoint and log by the staged records: log empty, `compacted` at the snapshot. */
  installSnapshot(snapshot: SnapshotId, hardState: HardState): void;
}
