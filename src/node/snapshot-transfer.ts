import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import type { EntryId, Term } from '../base/ids.ts';
import { isSameEntry, type SnapshotId } from '../raft/entry.ts';
import type { InstallSnapshot } from '../raft/message.ts';
import type { CheckpointReader, NodeStorage, SnapshotRecord } from '../storage/port.ts';

/** Chunks without a reply for this long are sent again. */
const RESEND_MS = 1_000;
/** Most chunks in flight: while the follower writes one, the leader reads the next. */
export const CHUNKS_IN_FLIGHT_MAX = 4;

type Chunk = Pick<InstallSnapshot, 'snapshot' | 'chunk' | 'done' | 'data'>;

/**
 * The leader's side of one InstallSnapshot: reads the checkpoint from a consistent view, one bounded chunk at a time, and
 * holds only the chunks in flight.
 */
export class SnapshotSender implements Disposable {
  readonly #reader: CheckpointReader;
  readonly #chunkBytes: number;
  #ahead: readonly SnapshotRecord[] | undefined;
  /** The first chunk that the follower is not known to have. */
  #wanted = 0;
  /** The chunk that is read next. */
  #next = 0;
  /** Chunks without a reply, in order; the first `#sentCount` of them are in flight. */
  #unacknowledged: Chunk[] = [];
  #sentCount = 0;
  #sentAtMs: number;
  #isResent = false;

  constructor(storage: NodeStorage, chunkBytes: number, nowMs: number) {
    this.#reader = storage.openCheckpointReader();
    this.#chunkBytes = chunkBytes;
    this.#ahead = this.#reader.read(chunkBytes);
    this.#sentAtMs = nowMs;
  }

  get snapshot(): SnapshotId {
    return this.#reader.snapshot;
  }

  /** How many chunks were read so far. */
  get chunks(): number {
    return this.#next;
  }

  /** Whether `take` has something to do. */
  get hasMore(): boolean {
    if (this.#isResent) return false;
    return this.#sentCount < this.#unacknowledged.length || (this.#unacknowledged.length < CHUNKS_IN_FLIGHT_MAX && !this.#isRead);
  }

  get resendDueMs(): number {
    return this.#unacknowledged.length === 0 ? Number.POSITIVE_INFINITY : this.#sentAtMs + RESEND_MS;
  }

  /** The storage closed the view: the rest must be read from a later checkpoint. */
  get isExpired(): boolean {
    return this.#reader.isExpired;
  }

  /** @returns the chunk to send now, if there is one. */
  take(nowMs: number): Chunk | undefined {
    if (!this.hasMore) return undefined;
    if (this.#sentCount === this.#unacknowledged.length) {
      let chunk = this.#read();
      // Skips chunks that the follower has from an earlier sender of the same snapshot and term.
      while (chunk.chunk < this.#wanted && !chunk.done) chunk = this.#read();
      this.#unacknowledged.push(chunk);
    }
    this.#sentCount += 1;
    this.#sentAtMs = nowMs;
    return this.#unacknowledged[this.#sentCount - 1];
  }

  /**
   * The follower requests a chunk. Only progress makes further chunks leave: if every repeated reply did, each repeated chunk would start
   * another stream of them, and they would double at every loss. The timer handles lost chunks.
   * @returns `restart` if the follower lost what it had staged.
   */
  onWanted(snapshot: EntryId, nextChunk: number, nowMs: number): 'news' | 'restart' | 'ignore' {
    if (!isSameEntry(snapshot, this.snapshot) || nextChunk === this.#wanted) return 'ignore';
    // A reply that was overtaken looks the same; only a reply to a resent chunk shows what the follower really has.
    if (nextChunk < this.#wanted) return this.#isResent ? 'restart' : 'ignore';
    const acknowledged = this.#unacknowledged.filter(({ chunk, done }) => chunk < nextChunk && !done).length;
    this.#unacknowledged.splice(0, acknowledged);
    this.#sentCount = Math.max(0, this.#sentCount - acknowledged);
    this.#wanted = nextChunk;
    this.#sentAtMs = nowMs;
    this.#isResent = false;
    return 'news';
  }

  /** No reply for long. @returns the first of the chunks, alone; the others are sent again after its reply. */
  resend(nowMs: number): Chunk | undefined {
    this.#sentAtMs = nowMs;
    this.#isResent = true;
    this.#sentCount = 1;
    return this.#unacknowledged[0];
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }

  get #isRead(): boolean {
    return this.#ahead === undefined && this.#next > 0;
  }

  #read(): Chunk {
    const records = this.#ahead ?? [];
    const chunk = this.#next;
    this.#ahead = this.#reader.read(this.#chunkBytes);
    this.#next += 1;
    return { snapshot: this.snapshot, chunk, done: this.#ahead === undefined, data: encodeRecords(records) };
  }
}

/**
 * The follower's side: which chunk of which snapshot comes next. Chunks are counted within one term only: a term has one leader (Raft
 * §5.2), which does not lead it again after a restart. The next leader, even the same node with other limits, may divide the snapshot into
 * other chunks, or have other records for it: the transfer starts over.
 */
export class SnapshotReceiver {
  #snapshot: EntryId | undefined;
  #term: Term | undefined;
  #next = 0;

  /** @returns whether `message` is the next chunk to stage. */
  accepts(message: InstallSnapshot): boolean {
    const isRunning = this.#snapshot !== undefined && isSameEntry(this.#snapshot, message.snapshot) && this.#term === message.term;
    if (message.chunk === 0 && !(isRunning && this.#next > 0)) {
      this.#snapshot = message.snapshot;
      this.#term = message.term;
      this.#next = 0;
      return true;
    }
    if (!isRunning) {
      this.#snapshot = undefined;
      this.#next = 0;
      return false;
    }
    return message.chunk === this.#next;
  }

  get next(): number {
    return this.#next;
  }

  onStaged(done: boolean): void {
    this.#next += 1;
    if (done) this.#snapshot = undefined;
  }
}

/** Each record is sent with the checksum that it was stored with, so that damage in transit is detected before it is staged. */
export function encodeRecords(records: readonly SnapshotRecord[]): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.u32(records.length);
  for (const record of records) {
    writer.u8(record.kind);
    writer.f64(record.key);
    writer.u32(record.checksum);
    writer.blob(record.value);
  }
  return writer.copy();
}

/** @throws {MalformedBytesError} also if the chunk was cut at the end of a record. */
export function decodeRecords(data: Uint8Array): SnapshotRecord[] {
  const reader = new ByteReader(data);
  const count = reader.u32();
  const records: SnapshotRecord[] = [];
  while (reader.remaining > 0) records.push({ kind: reader.u8(), key: reader.f64(), checksum: reader.u32(), value: reader.blob() });
  if (records.length !== count) throw new MalformedBytesError(`a chunk of ${count} records has ${records.length}`);
  return records;
}
