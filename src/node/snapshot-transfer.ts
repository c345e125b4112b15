import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import type { EntryId, Term } from '../base/ids.ts';
import { isSameEntry, type SnapshotId } from '../raft/entry.ts';
import type { InstallSnapshot } from '../raft/message.ts';
import type { CheckpointReader, NodeStorage, SnapshotRecord } from '../storage/port.ts';

/** A chunk that found no answer for so long is sent again. */
const RESEND_MS = 1_000;

type Chunk = Pick<InstallSnapshot, 'snapshot' | 'chunk' | 'done' | 'data'>;

/**
 * The leader's side of one InstallSnapshot: reads the checkpoint from a consistent view, one bounded chunk at a time, and
 * holds only the chunk that is on its way.
 */
export class SnapshotSender implements Disposable {
  readonly #reader: CheckpointReader;
  readonly #chunkBytes: number;
  #current: Chunk;
  #ahead: readonly SnapshotRecord[] | undefined;
  #sentAtMs: number;
  #isResent = false;

  constructor(storage: NodeStorage, chunkBytes: number, nowMs: number) {
    this.#reader = storage.openCheckpointReader();
    this.#chunkBytes = chunkBytes;
    this.#ahead = this.#reader.read(chunkBytes);
    this.#current = this.#nextChunk(0);
    this.#sentAtMs = nowMs;
  }

  get snapshot(): SnapshotId {
    return this.#reader.snapshot;
  }

  get current(): Chunk {
    return this.#current;
  }

  get resendDueMs(): number {
    return this.#sentAtMs + RESEND_MS;
  }

  /** The storage gave the view up: what is still to come must be read from a later checkpoint. */
  get isExpired(): boolean {
    return this.#reader.isExpired;
  }

  /**
   * The follower says which chunk it wants. Chunks that it has already, from an earlier sender of the same snapshot and term, are
   * passed over. Only news makes the next chunk leave: if every repeated answer did, each repeated chunk would start another stream of
   * them, and they would double at every loss. What was lost is for the timer.
   * @returns `send` to send `current`, `restart` when the follower lost what it had staged, `ignore` for anything else.
   */
  onWanted(snapshot: EntryId, nextChunk: number, nowMs: number): 'send' | 'restart' | 'ignore' {
    if (!isSameEntry(snapshot, this.snapshot) || nextChunk === this.#current.chunk) return 'ignore';
    // An answer that was overtaken says so too; only one to a chunk that was sent again shows that the follower is really there.
    if (nextChunk < this.#current.chunk) return this.#isResent ? 'restart' : 'ignore';
    while (this.#current.chunk < nextChunk && !this.#current.done) this.#current = this.#nextChunk(this.#current.chunk + 1);
    this.#sentAtMs = nowMs;
    this.#isResent = false;
    return 'send';
  }

  onResent(nowMs: number): void {
    this.#sentAtMs = nowMs;
    this.#isResent = true;
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }

  #nextChunk(chunk: number): Chunk {
    const records = this.#ahead ?? [];
    this.#ahead = this.#reader.read(this.#chunkBytes);
    return { snapshot: this.snapshot, chunk, done: this.#ahead === undefined, data: encodeRecords(records) };
  }
}

/**
 * The follower's side: which chunk of which snapshot comes next. Chunks are counted within one term only: a term has one leader (Raft §5.2),
 * which does not lead it again after a restart. The next leader, also the same node with other limits, may divide the snapshot into other
 * chunks, or have other records for it: it begins anew.
 */
export class SnapshotReceiver {
  #snapshot: EntryId | undefined;
  #term: Term | undefined;
  #next = 0;

  /** @returns whether `message` is the chunk to stage now. */
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

/** Each record travels with the checksum that it was stored with, so that damage on the way is found before it is staged. */
function encodeRecords(records: readonly SnapshotRecord[]): Uint8Array {
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

/** @throws {MalformedBytesError} also when the chunk was cut at a record's end. */
export function decodeRecords(data: Uint8Array): SnapshotRecord[] {
  const reader = new ByteReader(data);
  const count = reader.u32();
  const records: SnapshotRecord[] = [];
  while (reader.remaining > 0) records.push({ kind: reader.u8(), key: reader.f64(), checksum: reader.u32(), value: reader.blob() });
  if (records.length !== count) throw new MalformedBytesError(`a chunk of ${count} records has ${records.length}`);
  return records;
}
