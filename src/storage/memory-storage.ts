import { MalformedBytesError } from '../base/bytes.ts';
import { ANY_GENERATION, type Generation, openedGeneration } from '../base/generation.ts';
import { ANY_DISK, asIndex, asTerm, type EntryId, type LogIndex, ZERO_ENTRY } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { RecordChange } from '../protocol/record.ts';
import type { Entry, HardState, SnapshotId } from '../raft/entry.ts';
import { checkBatch, checkInstall, idOf, isEmptyBatch, type LogBounds } from './batch-rules.ts';
import { StorageError } from './errors.ts';
import { type DiskImage, type DiskWrite, MemoryDisk, type StoredEntry, type StoredRow } from './memory-disk.ts';
import type { CheckpointReader, NodeStorage, PersistBatch, PersistedState, SnapshotRecord } from './port.ts';
import { kindTag, RECORD_OVERHEAD_BYTES } from './row-checksum.ts';
import {
  type CheckpointRow,
  decodeCheckpoint,
  decodeEntryId,
  decodeHardState,
  decodeIdentity,
  encodeCheckpoint,
  encodeEntryId,
  encodeHardState,
  encodeIdentity,
  entryKindCode,
  entryKindOf,
  type FileIdentity,
  META_ROW_NAMES,
  META_ROWS,
  NO_ORIGIN,
  withGeneration,
} from './row-codec.ts';
import { SCHEMA_VERSION } from './schema-version.ts';
import { checkOnArrival } from './snapshot-arrival.ts';

export interface MemoryStorageOptions {
  readonly recordKinds: readonly string[];
  /** The state that survives a restart; by default a private disk. */
  readonly disk?: MemoryDisk;
  /** Called with the duration of a stalled write in milliseconds: the call itself does not wait. */
  readonly onStall?: (durationMs: number) => void;
  /** See `FileClaims`. */
  readonly life?: number;
  /** Most entries that one persist deletes from the end of the log, see `truncationStart`. Default: any number. */
  readonly truncatedEntriesMax?: number;
}

/** Behaves like the SQLite adapter, checksums included, without Node.js. @throws {StorageError} STORAGE_IN_USE */
export function openMemoryStorage(options: MemoryStorageOptions): NodeStorage {
  return new MemoryStorage(options, options.disk ?? new MemoryDisk());
}

interface Record {
  readonly key: number;
  readonly value: Uint8Array;
}

class MemoryStorage implements NodeStorage {
  readonly #disk: MemoryDisk;
  readonly #recordKinds: readonly string[];
  readonly #tags: readonly number[];
  readonly #onStall: (durationMs: number) => void;
  /** Staged rows have no effect before they are installed, so they need not be on the disk. */
  #staged: Map<number, StoredRow>[] = [];
  #nextChunk = 0;
  readonly #hasGeneration: boolean;
  readonly #truncatedEntriesMax: number;
  /** As read at the start. */
  #identity: FileIdentity = { disk: ANY_DISK, origin: NO_ORIGIN };
  #failure: Error | undefined;

  constructor({ recordKinds, onStall, life, truncatedEntriesMax = Number.POSITIVE_INFINITY }: MemoryStorageOptions, disk: MemoryDisk) {
    this.#disk = disk;
    this.#recordKinds = recordKinds;
    this.#tags = recordKinds.map((kind) => kindTag(kind));
    this.#onStall = onStall ?? (() => {});
    this.#truncatedEntriesMax = truncatedEntriesMax;
    disk.acquire(this);
    this.#hasGeneration = life !== undefined;
    if (life === undefined) return;
    try {
      this.#identity = this.#readIdentity(this.#image());
      const write = this.#generationWrite(openedGeneration(this.#identity.origin.generation, life));
      this.#writing(() => [write]);
    } catch (error) {
      disk.release(this);
      throw error;
    }
  }

  load(): PersistedState {
    const image = this.#image();
    const compacted = this.#compacted(image);
    const hardState = this.#meta(image, META_ROWS.hardState, decodeHardState) ?? { term: asTerm(0), votedFor: undefined };
    const entries = image.entries.map((stored, at) => this.#checkedEntry(stored, compacted.index + 1 + at));
    const { disk, origin } = this.#readIdentity(image);
    return {
      hardState,
      checkpoint: this.#checkpoint(image)?.snapshot,
      compacted,
      entries,
      disk,
      generation: this.#hasGeneration ? origin.generation : ANY_GENERATION,
    };
  }

  *records(kind: number): Generator<Record> {
    const rows = this.#rows(this.#image(), kind);
    for (const key of sortedKeys(rows)) {
      const row = rows.get(key);
      if (row !== undefined) yield { key, value: this.#checkedValue(kind, key, row) };
    }
  }

  readRecord(kind: number, key: number): Uint8Array | undefined {
    const row = this.#rows(this.#image(), kind).get(key);
    return row === undefined ? undefined : this.#checkedValue(kind, key, row);
  }

  persist(batch: PersistBatch): void {
    const bounds = this.#bounds();
    checkBatch(bounds, batch);
    const { hardState, append, checkpoint, compactTo, generation } = batch;
    if (isEmptyBatch(batch)) return;
    this.#writing(() => {
      const changes: DiskWrite[] = [];
      if (hardState !== undefined) changes.push(this.#metaWrite(META_ROWS.hardState, encodeHardState(hardState)));
      if (append !== undefined) changes.push(this.#appendWrite(append.from, append.entries));
      if (checkpoint !== undefined) changes.push(...this.#checkpointWrites(checkpoint.snapshot, checkpoint.changes));
      if (compactTo !== undefined && compactTo > bounds.compacted) changes.push(this.#compactionWrite(compactTo));
      if (generation !== undefined) changes.push(this.#generationWrite(generation));
      return changes;
    });
  }

  truncationStart(from: LogIndex): LogIndex {
    return asIndex(Math.max(from, this.#bounds().last + 1 - this.#truncatedEntriesMax));
  }

  openCheckpointReader(): CheckpointReader {
    const image = this.#image();
    const checkpoint = this.#checkpoint(image);
    invariant(checkpoint !== undefined, () => 'there is no checkpoint to read yet');
    // A copy: rows are never changed in place, so the reader keeps seeing the current checkpoint.
    const view = this.#recordKinds.map((_, kind) => new Map(this.#rows(image, kind)));
    const nextChunk = chunksOf(this.#everyRecord(view));
    let isOpen = true;
    return {
      snapshot: checkpoint.snapshot,
      isExpired: false,
      read: (bytesMax) => {
        invariant(isOpen, () => 'a checkpoint reader was read after it was disposed');
        return nextChunk(bytesMax);
      },
      [Symbol.dispose]: () => {
        isOpen = false;
      },
    };
  }

  stageSnapshot(chunk: number, records: readonly (RecordChange | SnapshotRecord)[]): void {
    checkOnArrival(records, { recordKinds: this.#recordKinds, tags: this.#tags, checksum: this.#disk.checksum });
    this.#writing(() => {
      invariant(chunk <= this.#nextChunk, () => `chunk ${chunk} of a snapshot was staged before chunk ${this.#nextChunk}`);
      if (chunk === 0) {
        this.#staged = this.#recordKinds.map(() => new Map());
        this.#nextChunk = 0;
      }
      for (const { kind, key, value } of records) {
        const rows = this.#staged[kind];
        invariant(rows !== undefined, () => `a staged record is of kind ${kind}, and there are ${this.#staged.length}`);
        if (value === undefined) rows.delete(key);
        else rows.set(key, this.#recordRow(kind, key, value));
      }
      this.#nextChunk = Math.max(this.#nextChunk, chunk + 1);
      return [];
    });
  }

  installSnapshot(snapshot: SnapshotId, hardState: HardState): void {
    const bounds = this.#bounds();
    checkInstall(bounds, snapshot);
    this.#writing(() => {
      invariant(this.#nextChunk > 0, () => 'a snapshot was installed that was never staged');
      const staged = this.#staged;
      this.#staged = [];
      this.#nextChunk = 0;
      const names = this.#recordKinds;
      return [
        this.#metaWrite(META_ROWS.hardState, encodeHardState(hardState)),
        this.#metaWrite(META_ROWS.checkpoint, encodeCheckpoint({ snapshot, counts: [] })),
        this.#metaWrite(META_ROWS.compacted, encodeEntryId(idOf(snapshot))),
        (image) => {
          image.entries.length = 0;
          for (const [kind, rows] of staged.entries()) image.records.set(names[kind] ?? '', new Map(rows));
        },
      ];
    });
  }

  [Symbol.dispose](): void {
    this.#disk.release(this);
  }

  #metaWrite(id: number, value: Uint8Array): DiskWrite {
    const row = { value, checksum: this.#disk.checksum.meta(id, value) };
    return (image) => image.meta.set(id, row);
  }

  #readIdentity(image: DiskImage): FileIdentity {
    return this.#meta(image, META_ROWS.identity, decodeIdentity) ?? { disk: ANY_DISK, origin: NO_ORIGIN };
  }

  #generationWrite(generation: Generation): DiskWrite {
    const row = { schemaVersion: SCHEMA_VERSION, ...withGeneration(this.#identity, generation) };
    return this.#metaWrite(META_ROWS.identity, encodeIdentity(row));
  }

  #appendWrite(from: LogIndex, entries: readonly Entry[]): DiskWrite {
    const rows = entries.map(({ index, term, kind, data }): StoredEntry => {
      const code = entryKindCode(kind);
      return { position: index, term, kind: code, value: data.slice(), checksum: this.#disk.checksum.entry(index, term, code, data) };
    });
    return (image) => {
      const first = image.entries[0]?.position ?? from;
      image.entries.length = Math.min(image.entries.length, from - first);
      for (const row of rows) image.entries.push(row);
    };
  }

  #checkpointWrites(snapshot: SnapshotId, changes: Iterable<RecordChange>): DiskWrite[] {
    const rows: { readonly kind: string; readonly key: number; readonly row: StoredRow | undefined }[] = [];
    for (const { kind, key, value } of changes) {
      rows.push({ kind: this.#kindName(kind), key, row: value === undefined ? undefined : this.#recordRow(kind, key, value) });
    }
    const putRecords: DiskWrite = (image) => {
      for (const { kind, key, row } of rows) {
        const table = image.records.get(kind) ?? new Map<number, StoredRow>();
        image.records.set(kind, table);
        if (row === undefined) table.delete(key);
        else table.set(key, row);
      }
    };
    return [putRecords, this.#metaWrite(META_ROWS.checkpoint, encodeCheckpoint({ snapshot, counts: [] }))];
  }

  #compactionWrite(upTo: LogIndex): DiskWrite {
    const { checksum } = this.#disk;
    return (image) => {
      const first = image.entries[0]?.position ?? 0;
      const last = image.entries[upTo - first];
      invariant(last !== undefined, () => `entry ${upTo} was compacted and is not there`);
      const value = encodeEntryId({ index: upTo, term: asTerm(last.term) });
      image.meta.set(META_ROWS.compacted, { value, checksum: checksum.meta(META_ROWS.compacted, value) });
      image.entries.splice(0, upTo - first + 1);
    };
  }

  #recordRow(kind: number, key: number, value: Uint8Array): StoredRow {
    // The state machine may encode its records into one buffer, one after the other.
    return { value: value.slice(), checksum: this.#disk.checksum.record(this.#tags[kind] ?? 0, key, value) };
  }

  *#everyRecord(view: readonly Map<number, StoredRow>[]): Generator<SnapshotRecord & Record> {
    for (const [kind, rows] of view.entries()) {
      for (const key of sortedKeys(rows)) {
        const row = rows.get(key);
        if (row !== undefined) yield { kind, key, value: this.#checkedValue(kind, key, row), checksum: row.checksum };
      }
    }
  }

  #image(): DiskImage {
    if (!this.#disk.isOwnedBy(this))
      throw new StorageError('STORAGE_FAILED', 'This storage was closed or its disk crashed. Open it again.');
    return this.#disk.image;
  }

  #bounds(): LogBounds {
    const image = this.#image();
    const compacted = this.#compacted(image).index;
    return {
      compacted,
      last: asIndex(compacted + image.entries.length),
      checkpoint: this.#checkpoint(image)?.snapshot.index ?? asIndex(0),
    };
  }

  #compacted(image: DiskImage): EntryId {
    return this.#meta(image, META_ROWS.compacted, decodeEntryId) ?? ZERO_ENTRY;
  }

  #checkpoint(image: DiskImage): CheckpointRow | undefined {
    return this.#meta(image, META_ROWS.checkpoint, (bytes) => decodeCheckpoint(bytes));
  }

  #meta<Value>(image: DiskImage, id: number, decode: (bytes: Uint8Array) => Value): Value | undefined {
    const row = image.meta.get(id);
    if (row === undefined) return undefined;
    if (this.#disk.checksum.meta(id, row.value) !== row.checksum) throw damagedRow(`the row "${META_ROW_NAMES[id]}"`);
    try {
      return decode(row.value);
    } catch (error) {
      if (error instanceof MalformedBytesError) throw damagedRow(`the row "${META_ROW_NAMES[id]}"`);
      throw error;
    }
  }

  #kindName(kind: number): string {
    const name = this.#recordKinds[kind];
    invariant(name !== undefined, () => `there is no record kind ${kind}: the storage was opened with ${this.#recordKinds.length}`);
    return name;
  }

  #rows(image: DiskImage, kind: number): ReadonlyMap<number, StoredRow> {
    return image.records.get(this.#kindName(kind)) ?? new Map();
  }

  #checkedValue(kind: number, key: number, { value, checksum }: StoredRow): Uint8Array {
    if (this.#disk.checksum.record(this.#tags[kind] ?? 0, key, value) !== checksum) {
      throw damagedRow(`record ${key} of the kind "${this.#recordKinds[kind]}"`);
    }
    return value;
  }

  #checkedEntry({ position, term, kind: code, value, checksum }: StoredEntry, expected: number): Entry {
    if (position !== expected) throw damagedRow(`entry ${expected} of the log, which is missing,`);
    const kind = entryKindOf(code);
    if (kind === undefined || this.#disk.checksum.entry(position, term, code, value) !== checksum) {
      throw damagedRow(`entry ${position} of the log`);
    }
    return { index: asIndex(position), term: asTerm(term), kind, data: value };
  }

  /** @param plan everything that can fail by itself; its writes are executed together or not at all. */
  #writing(plan: () => readonly DiskWrite[]): void {
    this.#image();
    if (this.#failure !== undefined) {
      throw new StorageError('STORAGE_FAILED', `An earlier write failed; restart the node. ${this.#failure.message}`, {
        cause: this.#failure,
      });
    }
    try {
      const changes = plan();
      const stallMs = this.#disk.takeStallMs();
      if (stallMs > 0) this.#onStall(stallMs);
      this.#disk.write((image) => {
        for (const change of changes) change(image);
      });
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }
}

function damagedRow(what: string): StorageError {
  return new StorageError(
    'STORAGE_DAMAGED',
    `The memory disk is damaged: ${what} does not match its checksum. Start the node with an empty disk.`,
  );
}

const sortedKeys = (rows: ReadonlyMap<number, StoredRow>): number[] => [...rows.keys()].sort((a, b) => a - b);

/** Returns the records in chunks; keeps one for the next chunk when it would make a chunk too long. */
function chunksOf(records: Iterator<SnapshotRecord & Record>): (bytesMax: number) => SnapshotRecord[] | undefined {
  let next: IteratorResult<SnapshotRecord & Record> | undefined;
  return (bytesMax) => {
    const chunk: SnapshotRecord[] = [];
    let bytes = 0;
    for (next ??= records.next(); !next.done; next = records.next()) {
      bytes += next.value.value.length + RECORD_OVERHEAD_BYTES;
      if (bytes > bytesMax && chunk.length > 0) break;
      chunk.push(next.value);
    }
    return chunk.length === 0 ? undefined : chunk;
  };
}
