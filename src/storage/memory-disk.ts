import { asDiskId } from '../base/ids.ts';
import { StorageError, type StorageErrorCode } from './errors.ts';
import { RowChecksum } from './row-checksum.ts';
import { encodeIdentity, META_ROWS, NO_ORIGIN } from './row-codec.ts';
import { SCHEMA_VERSION } from './schema-version.ts';

/** A row on the disk: its checksum is made by the write and compared by each read. */
export interface StoredRow {
  readonly value: Uint8Array;
  readonly checksum: number;
}

export interface StoredEntry extends StoredRow {
  readonly position: number;
  readonly term: number;
  readonly kind: number;
}

/** Names one row, for a simulator that damages it. */
export type RowName =
  | { readonly type: 'entry'; readonly index: number }
  | { readonly type: 'record'; readonly kind: string; readonly key: number }
  | { readonly type: 'meta'; readonly id: number };

/** The data on a disk. Rows are never changed, only replaced: images may share them. */
export class DiskImage {
  readonly meta: Map<number, StoredRow>;
  /** Consecutive, from the first entry after the compacted ones. */
  readonly entries: StoredEntry[];
  readonly records: Map<string, Map<number, StoredRow>>;

  constructor(copied?: DiskImage) {
    this.meta = new Map(copied?.meta);
    this.entries = [...(copied?.entries ?? [])];
    this.records = new Map([...(copied?.records ?? [])].map(([kind, rows]) => [kind, new Map(rows)]));
  }
}

/** One transaction: never fails, and has the same result on every image it is executed on. */
export type DiskWrite = (image: DiskImage) => void;

interface PlannedFailure {
  readonly code: StorageErrorCode;
  readonly survives: boolean;
}

/**
 * A disk in memory that outlives the node using it, with the faults of a real one. Writes are atomic, as with SQLite: a crash keeps or
 * loses a whole transaction, and keeps a prefix of the unsynced transactions.
 */
export class MemoryDisk {
  readonly checksum = new RowChecksum();
  /** Whether a write is on disk once it returned. `false` is a disk that ignores fsync, or `durability: 'off'`; see {@link crash}. */
  isSynced = true;
  #current = new DiskImage();
  /** The same object as `#current` while nothing is unsynced. */
  #durable = this.#current;
  #unsynced: DiskWrite[] = [];
  #owner: object | undefined;
  #plannedFailure: PlannedFailure | undefined;
  #plannedStallMs = 0;

  /** @param diskId zero matches any; a disk that replaces a lost one needs another. */
  constructor(diskId = 0) {
    const value = encodeIdentity({ schemaVersion: SCHEMA_VERSION, disk: asDiskId(diskId), origin: NO_ORIGIN });
    this.#current.meta.set(META_ROWS.identity, { value, checksum: this.checksum.meta(META_ROWS.identity, value) });
  }

  /** A disk with the current data of this one, including unsynced writes, under the same id. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    copy.#current = new DiskImage(this.#current);
    copy.#durable = copy.#current;
    return copy;
  }

  /** The data that a node reads: everything written, synced or not. */
  get image(): DiskImage {
    return this.#current;
  }

  get unsyncedWrites(): number {
    return this.#unsynced.length;
  }

  /** @throws {StorageError} STORAGE_IN_USE */
  acquire(owner: object): void {
    if (this.#owner !== undefined) {
      throw new StorageError(
        'STORAGE_IN_USE',
        'This memory disk is in use by another node. Stop that node, or give this one a disk of its own.',
      );
    }
    this.#owner = owner;
  }

  release(owner: object): void {
    if (this.#owner === owner) this.#owner = undefined;
  }

  isOwnedBy(owner: object): boolean {
    return this.#owner === owner;
  }

  /** @throws {StorageError} when a failure was planned. */
  write(change: DiskWrite): void {
    const failure = this.#plannedFailure;
    this.#plannedFailure = undefined;
    if (failure === undefined || failure.survives) this.#apply(change);
    if (failure !== undefined) throw new StorageError(failure.code, 'A planned fault of the memory disk. Restart the node.');
  }

  /** Duration of the stall of the write that begins now, in milliseconds. */
  takeStallMs(): number {
    const stallMs = this.#plannedStallMs;
    this.#plannedStallMs = 0;
    return stallMs;
  }

  // Faults.

  /**
   * The next write fails: a persist or a snapshot's.
   * @param survives whether it is on disk all the same: after a failed fsync that is unknown.
   */
  failNextWrite(code: StorageErrorCode = 'STORAGE_FAILED', survives = false): void {
    this.#plannedFailure = { code, survives };
  }

  /** The next write takes this long, which is reported to `onStall` of the storage. */
  stallNextWrite(durationMs: number): void {
    this.#plannedStallMs = durationMs;
  }

  /** Syncs everything written so far. */
  sync(): void {
    this.#durable = this.#current;
    this.#unsynced = [];
  }

  /**
   * The power fails: unsynced data is lost, except for its first `keptWrites` transactions. A storage that has the disk open can no longer
   * use it; a new storage can be opened on it.
   */
  crash(keptWrites = 0): void {
    for (const change of this.#unsynced.slice(0, keptWrites)) change(this.#durable);
    this.#current = this.#durable;
    this.#unsynced = [];
    this.#owner = undefined;
    this.#plannedFailure = undefined;
    this.#plannedStallMs = 0;
  }

  /** All rows, so that a simulator can choose one. */
  *rows(): Generator<RowName> {
    for (const id of this.#current.meta.keys()) yield { type: 'meta', id };
    for (const { position } of this.#current.entries) yield { type: 'entry', index: position };
    for (const [kind, rows] of this.#current.records) for (const key of rows.keys()) yield { type: 'record', kind, key };
  }

  /**
   * Flips one bit of a row's value, counted modulo its length; of its checksum when the value is empty. @returns whether the row exists.
   */
  flipBit(name: RowName, bit: number): boolean {
    const images = new Set([this.#current, this.#durable]);
    return [...images].map((image) => flipBitIn(image, name, bit)).includes(true);
  }

  #apply(change: DiskWrite): void {
    if (!this.isSynced) {
      if (this.#current === this.#durable) this.#current = new DiskImage(this.#durable);
      this.#unsynced.push(change);
    }
    change(this.#current);
    // A sync of the file includes all earlier writes.
    if (this.isSynced && this.#current !== this.#durable) this.sync();
  }
}

function flipBitIn(image: DiskImage, name: RowName, bit: number): boolean {
  if (name.type === 'entry') {
    const at = image.entries.findIndex((entry) => entry.position === name.index);
    const entry = image.entries[at];
    if (entry === undefined) return false;
    image.entries[at] = { ...entry, ...flipped(entry, bit) };
    return true;
  }
  const rows = name.type === 'meta' ? image.meta : image.records.get(name.kind);
  const key = name.type === 'meta' ? name.id : name.key;
  const row = rows?.get(key);
  if (row === undefined) return false;
  rows?.set(key, flipped(row, bit));
  return true;
}

function flipped({ value, checksum }: StoredRow, bit: number): StoredRow {
  if (value.length === 0) return { value, checksum: (checksum ^ (1 << (bit % 32))) >>> 0 };
  const copy = value.slice();
  const at = Math.floor(bit / 8) % copy.length;
  copy[at] = (copy[at] as number) ^ (1 << (bit % 8));
  return { value: copy, checksum };
}
