import { closeSync, fdatasyncSync, openSync, rmSync, statSync, writevSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { invariant } from '../base/invariant.ts';
import { syncDirectory } from '../files/sync-directory.ts';
import { StorageError } from './errors.ts';
import { adoptOwner, SegmentReads, segmentNumbers, segmentPath } from './segment-files.ts';
import type { SegmentReference } from './segment-reference.ts';
import { SegmentViews } from './segment-views.ts';
import { damaged } from './sqlite-errors.ts';

/** A larger entry has one of its own. One that is full is used again once nothing refers to it: its blocks are allocated, so that a sync writes no metadata. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Buffers in one call of the system. */
const BUFFERS_MAX = 512;
/** Free segments that are kept for later use, and a share of those in use. */
const FREE_MIN = 2;
const FREE_SHARE = 0.25;
/**
 * A segment that holds no more than this share is emptied: its entries are written again elsewhere. So the segments take at most about twice
 * what they hold. With fewer segments than that it is not worth the writes.
 */
const SPARSE_SHARE = 0.5;
const SPARSE_SEGMENTS_MIN = 8;

export interface SegmentsOptions {
  /** The node's file, beside which the segments are. */
  readonly file: string;
  /** Whether what is written survives a power cut. */
  readonly isSynced: boolean;
  /** See `SqliteStorageOptions`. */
  readonly fileBytesMax?: number | undefined;
  readonly segmentBytes?: number | undefined;
}

const NO_INDEXES: ReadonlySet<number> = new Set();

/** What is stored for an entry. */
export interface SegmentPart {
  readonly index: number;
  readonly stored: Uint8Array;
  readonly checksum: number;
}

interface Segment {
  readonly number: number;
  /** Of the entries that it holds. */
  readonly indexes: Set<number>;
  liveBytes: number;
}

/**
 * The data of large entries, each written once, in files beside the node's. The rows of that file have the references, and so decide what
 * exists: what is written here counts once the transaction that refers to it is committed. A segment is used again once a committed
 * transaction has removed the last reference to it, and no view that is older than this transaction is being read.
 */
export class Segments implements Disposable {
  readonly reads: SegmentReads;
  readonly #options: SegmentsOptions;
  readonly #segmentBytes: number;
  readonly #views: SegmentViews;
  readonly #segments = new Map<number, Segment>();
  /** By the index of their entry. */
  readonly #references = new Map<number, SegmentReference>();
  /** Segments to be used next. */
  readonly #free: number[] = [];
  /** Segments that lost their last reference, and that a view may still read. */
  readonly #released = new Set<number>();
  #current: { readonly number: number; readonly descriptor: number; end: number; size: number } | undefined;
  /** The segment that is being emptied. */
  #sparse: number | undefined;
  #numberMax = 0;
  #bytes = 0;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.reads = new SegmentReads(options.file);
    this.#views = new SegmentViews(options.file);
  }

  /**
   * Called before anything else.
   * @param references all those of the file's rows, by the index of their entry.
   * @throws {StorageError} STORAGE_DAMAGED where a segment, or a part of it, is missing.
   */
  adopt(references: Iterable<readonly [index: number, reference: SegmentReference]>): void {
    const ends = new Map<number, number>();
    for (const [index, reference] of references) {
      const { segment, offset, length } = reference;
      this.#add(index, reference);
      ends.set(segment, Math.max(ends.get(segment) ?? 0, offset + length));
    }
    for (const [number, end] of ends) {
      const size = this.#sizeOf(number);
      if (size < end) throw damaged(this.#options.file, `its segment ${number} has ${size} bytes, and entries are stored up to ${end}`);
    }
    for (const number of segmentNumbers(this.#options.file)) {
      this.#numberMax = Math.max(this.#numberMax, number);
      this.#bytes += this.#sizeOf(number);
      if (this.#segments.has(number)) continue;
      // A backup that began before the file was closed may read it.
      this.#segments.set(number, { number, indexes: new Set(), liveBytes: 0 });
      this.#released.add(number);
    }
    this.onCommitted();
  }

  /** After a start, once the log is read and sound: gives the space back, and removes what a file left that was since rewritten with encrypted values. */
  removeUnused(): void {
    this.#removeFree(0);
  }

  /** Whether nothing refers to a segment. */
  get isEmpty(): boolean {
    return this.#references.size === 0;
  }

  /** Segments that only wait for the end of a view, in bytes. */
  get heldBytes(): number {
    return this.#released.size * this.#segmentBytes;
  }

  /** Writes and syncs. @returns where each part is, in their order. @throws an error of the file system. @throws {StorageError} STORAGE_FULL */
  write(parts: readonly SegmentPart[]): SegmentReference[] {
    const references: SegmentReference[] = [];
    let pending: Uint8Array[] = [];
    let from = this.#current?.end ?? 0;
    const flush = (): void => {
      if (pending.length > 0) this.#writeAll(pending, from);
      pending = [];
    };
    for (const { index, stored, checksum } of parts) {
      const end = this.#current?.end ?? 0;
      if (this.#current === undefined || (end > 0 && end + stored.length > this.#segmentBytes)) {
        flush();
        this.#openNext();
        from = 0;
      }
      const { number } = this.#inUse;
      const reference = { segment: number, offset: this.#inUse.end, length: stored.length, checksum };
      this.#inUse.end += stored.length;
      pending.push(stored);
      references.push(reference);
      this.#add(index, reference);
    }
    flush();
    return references;
  }

  /** The entry's row is deleted in this transaction, or refers to another place. */
  release(index: number): void {
    const reference = this.#references.get(index);
    if (reference === undefined) return;
    this.#references.delete(index);
    const segment = this.#segments.get(reference.segment);
    invariant(segment !== undefined, () => `entry ${index} is in segment ${reference.segment}, which is not known`);
    segment.indexes.delete(index);
    segment.liveBytes -= reference.length;
    if (segment.indexes.size === 0) this.#released.add(segment.number);
  }

  /** The indexes from `from` to `to`, both included, that have their data here. */
  *indexesIn(from: number, to: number): Generator<number> {
    for (const index of this.#references.keys()) if (index >= from && index <= to) yield index;
  }

  /** A transaction is committed: what it released is free, unless an older view is being read. */
  onCommitted(): void {
    if (this.#released.size === 0 || this.#views.areOpen()) return;
    for (const number of this.#released) if (this.#segments.get(number)?.indexes.size === 0) this.#onFree(number);
    this.#released.clear();
    this.#removeFree(Math.max(FREE_MIN, Math.ceil(FREE_SHARE * this.#segments.size)));
  }

  /** Until it is disposed no segment that is in use is used again. */
  view(): Disposable {
    return this.#views.open();
  }

  /** Chooses a segment to be emptied, if there is none yet. */
  chooseSparse(): void {
    if (this.isEmptying || this.#segments.size < SPARSE_SEGMENTS_MIN) return;
    let sparsest: Segment | undefined;
    for (const segment of this.#segments.values()) {
      if (segment.number === this.#current?.number || segment.indexes.size === 0) continue;
      if (sparsest === undefined || segment.liveBytes < sparsest.liveBytes) sparsest = segment;
    }
    this.#sparse = sparsest !== undefined && sparsest.liveBytes <= SPARSE_SHARE * this.#segmentBytes ? sparsest.number : undefined;
  }

  /** Whether a segment is being emptied. */
  get isEmptying(): boolean {
    return this.#sparseIndexes.size > 0;
  }

  /** Entries of the segment that is being emptied, to be released and written again: at most `bytesMax` of them, or one. */
  sparseEntries(bytesMax: number): { readonly index: number; readonly reference: SegmentReference }[] {
    const found: { index: number; reference: SegmentReference }[] = [];
    let bytes = 0;
    for (const index of this.#sparseIndexes) {
      const reference = this.#references.get(index);
      if (reference === undefined || (found.length > 0 && bytes + reference.length > bytesMax)) break;
      bytes += reference.length;
      found.push({ index, reference });
    }
    return found;
  }

  [Symbol.dispose](): void {
    if (this.#current !== undefined) closeSync(this.#current.descriptor);
    this.#current = undefined;
    this.reads[Symbol.dispose]();
    this.#views[Symbol.dispose]();
  }

  get #sparseIndexes(): ReadonlySet<number> {
    return (this.#sparse === undefined ? undefined : this.#segments.get(this.#sparse)?.indexes) ?? NO_INDEXES;
  }

  get #inUse() {
    invariant(this.#current !== undefined, () => 'a part is written before a segment was opened');
    return this.#current;
  }

  #add(index: number, reference: SegmentReference): void {
    const segment = this.#segments.get(reference.segment) ?? { number: reference.segment, indexes: new Set(), liveBytes: 0 };
    this.#segments.set(reference.segment, segment);
    this.#numberMax = Math.max(this.#numberMax, segment.number);
    segment.indexes.add(index);
    segment.liveBytes += reference.length;
    this.#references.set(index, reference);
  }

  #openNext(): void {
    if (this.#current !== undefined) closeSync(this.#current.descriptor);
    this.#current = undefined;
    const { file } = this.#options;
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      const descriptor = openFree(segmentPath(file, free));
      if (descriptor === undefined) continue;
      this.#current = { number: free, descriptor, end: 0, size: this.#sizeOf(free) };
      return;
    }
    const number = this.#numberMax + 1;
    const descriptor = openSync(segmentPath(file, number), 'wx', 0o600);
    this.#numberMax = number;
    this.#current = { number, descriptor, end: 0, size: 0 };
    adoptOwner(descriptor, file);
    if (this.#options.isSynced) syncDirectory(dirname(resolve(file)));
  }

  #writeAll(parts: readonly Uint8Array[], from: number): void {
    const current = this.#inUse;
    const to = from + parts.reduce((sum, { length }) => sum + length, 0);
    const growth = Math.max(0, to - current.size);
    this.#checkSpace(growth);
    let position = from;
    for (let left = parts; left.length > 0; ) {
      const written = writevSync(current.descriptor, left.slice(0, BUFFERS_MAX), position);
      position += written;
      left = withoutFirst(left, written);
    }
    current.size += growth;
    this.#bytes += growth;
    if (this.#options.isSynced) fdatasyncSync(current.descriptor);
  }

  /** @throws {StorageError} STORAGE_FULL */
  #checkSpace(growth: number): void {
    const { fileBytesMax: bytesMax, file } = this.#options;
    if (bytesMax === undefined || this.#bytes + growth <= bytesMax) return;
    throw new StorageError(
      'STORAGE_FULL',
      `The segments of ${file} may take ${bytesMax} bytes, and need more. Free space on the disk, then start the node again; nothing that was acknowledged is lost.`,
    );
  }

  #sizeOf(number: number): number {
    const found = statSync(segmentPath(this.#options.file, number), { throwIfNoEntry: false });
    return found?.isFile() === true ? found.size : 0;
  }

  /** Nothing refers to the segment, and no view reads it. */
  #onFree(number: number): void {
    this.#segments.delete(number);
    if (number === this.#sparse) this.#sparse = undefined;
    const isLarger = this.#sizeOf(number) > this.#segmentBytes;
    if (number !== this.#current?.number) {
      if (isLarger) this.#remove(number);
      else this.#free.push(number);
    } else if (isLarger) {
      closeSync(this.#current.descriptor);
      this.#current = undefined;
      this.#remove(number);
    } else this.#current.end = 0;
  }

  #removeFree(kept: number): void {
    for (const number of this.#free.splice(kept)) this.#remove(number);
  }

  #remove(number: number): void {
    const bytes = this.#sizeOf(number);
    this.reads.forget(number);
    try {
      rmSync(segmentPath(this.#options.file, number), { force: true });
      this.#bytes -= bytes;
    } catch {
      // It holds nothing, and is tried again at the next start.
    }
  }
}

/** @returns undefined for one that cannot be written, as one of another user: it holds nothing, and another one is used. */
function openFree(path: string): number | undefined {
  try {
    return openSync(path, 'r+');
  } catch {
    return undefined;
  }
}

/** What is left of the parts once so many bytes are written. */
function withoutFirst(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let at = 0;
  let left = bytes;
  for (let part = parts[at]; part !== undefined && left >= part.length; part = parts[at]) {
    left -= part.length;
    at += 1;
  }
  const [first, ...rest] = parts.slice(at);
  return first === undefined ? [] : [first.subarray(left), ...rest];
}
