import { describe, expect, it } from 'vitest';
import { asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import { decodeRecords, SnapshotReceiver, SnapshotSender } from '../../src/node/snapshot-transfer.ts';
import { SnapshotTransfers } from '../../src/node/snapshot-transfers.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import type { InstallSnapshot } from '../../src/raft/message.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../src/storage/port.ts';

const CHUNK_BYTES = 100;
const snapshot = {
  index: asIndex(10),
  term: asTerm(2),
  configuration: configurationOf({ voters: [asNodeId(1), asNodeId(2)] }),
};
const records = Array.from({ length: 20 }, (_, key) => ({ kind: 0, key, value: new Uint8Array(30).fill(key) }));

function aStorageWithCheckpoint(): NodeStorage {
  const storage = openMemoryStorage({ recordKinds: ['record'] });
  const entries = Array.from({ length: 10 }, (_, at) => ({
    index: asIndex(at + 1),
    term: asTerm(2),
    kind: 'noop' as const,
    data: new Uint8Array(0),
  }));
  storage.persist({ append: { from: asIndex(1), entries } });
  storage.persist({ checkpoint: { snapshot, changes: records } });
  return storage;
}

/** The next chunk of the sender. */
function messageOf(sender: SnapshotSender, term = 2): InstallSnapshot {
  for (let takes = 0; takes < 100; takes += 1) {
    const chunk = sender.take(0);
    if (chunk !== undefined) return { type: 'install-snapshot', from: asNodeId(1), to: asNodeId(2), term: asTerm(term), ...chunk };
  }
  throw new Error('the sender sends nothing');
}

/** The numbers of all chunks that leave before there is a reply. */
function chunksLeaving(sender: SnapshotSender): number[] {
  const chunks: number[] = [];
  for (let takes = 0; sender.hasMore && takes < 100; takes += 1) {
    const chunk = sender.take(0);
    if (chunk !== undefined) chunks.push(chunk.chunk);
  }
  return chunks;
}

/** Delivers chunks until the receiver has `untilChunk` of them, or all. @returns whether it has all. */
function carry(
  sender: SnapshotSender,
  receiver: SnapshotReceiver,
  staged: Map<number, number>,
  untilChunk = Number.POSITIVE_INFINITY,
): boolean {
  for (let round = 0; round < 100; round += 1) {
    const message = messageOf(sender);
    if (receiver.accepts(message)) {
      for (const record of decodeRecords(message.data)) staged.set(record.key, (staged.get(record.key) ?? 0) + 1);
      receiver.onStaged(message.done);
      if (message.done) return true;
    }
    if (receiver.next >= untilChunk) return false;
    expect(sender.onWanted(snapshot, receiver.next, 0)).toBe('news');
  }
  throw new Error('the transfer does not end');
}

describe('a snapshot in chunks (Raft §7)', () => {
  it('arrives completely, each record once, in several bounded chunks', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    const staged = new Map<number, number>();
    expect(carry(sender, new SnapshotReceiver(), staged)).toBe(true);
    expect(sender.chunks).toBeGreaterThan(2);
    expect([...staged]).toEqual(records.map(({ key }) => [key, 1]));
  });

  it('continues at the same chunk when the channel closed and a new sender begins', () => {
    const storage = aStorageWithCheckpoint();
    const receiver = new SnapshotReceiver();
    const staged = new Map<number, number>();
    expect(carry(new SnapshotSender(storage, CHUNK_BYTES, 0), receiver, staged, 3)).toBe(false);
    expect(carry(new SnapshotSender(storage, CHUNK_BYTES, 0), receiver, staged)).toBe(true);
    expect([...staged]).toEqual(records.map(({ key }) => [key, 1]));
  });

  it.each([
    ['larger chunks, of which it has fewer than were staged', 5_000],
    ['larger chunks', 2 * CHUNK_BYTES],
    ['smaller chunks', CHUNK_BYTES / 2],
  ])('starts over in the next term of its leader, which may have restarted with %s', (_, chunkBytes) => {
    const storage = aStorageWithCheckpoint();
    const follower = openMemoryStorage({ recordKinds: ['record'] });
    const transfers = new SnapshotTransfers(asNodeId(2), follower, CHUNK_BYTES);
    const hardState = { term: asTerm(3), votedFor: undefined };
    const before = new SnapshotSender(storage, CHUNK_BYTES, 0);
    for (let staged = 1; staged <= 3; staged += 1) {
      expect(transfers.onChunk(messageOf(before), hardState)).toBe('staged');
      expect(before.onWanted(snapshot, staged, 0)).toBe('news');
    }
    const sender = new SnapshotSender(storage, chunkBytes, 0);
    let message = messageOf(sender, 3);
    let outcome = transfers.onChunk(message, hardState);
    for (let rounds = 0; outcome !== 'installed' && rounds < 100; rounds += 1) {
      expect(sender.onWanted(snapshot, transfers.replyTo(message, asTerm(3)).nextChunk, 0)).toBe('news');
      message = messageOf(sender, 3);
      outcome = transfers.onChunk(message, hardState);
    }
    expect(outcome).toBe('installed');
    expect([...follower.records(0)]).toEqual(records.map(({ key, value }) => ({ key, value })));
  });

  it('starts over when the follower has lost its chunks, as its reply to a resent chunk shows', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    carry(sender, new SnapshotReceiver(), new Map(), 3);
    expect(sender.onWanted(snapshot, 0, 0)).toBe('ignore');
    messageOf(sender);
    const again = sender.resend(1_000);
    const restarted = new SnapshotReceiver();
    expect(restarted.accepts({ ...messageOf(new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0)), ...again })).toBe(false);
    expect(restarted.next).toBe(0);
    expect(sender.onWanted(snapshot, restarted.next, 0)).toBe('restart');
  });

  it('has a few chunks in flight at once, and reads one in each turn', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    expect(chunksLeaving(sender)).toEqual([0, 1, 2, 3]);
    expect(sender.take(0)).toBeUndefined();
    expect(sender.onWanted(snapshot, 2, 0)).toBe('news');
    expect(chunksLeaving(sender)).toEqual([4, 5]);
    expect(sender.onWanted(snapshot, 3, 0)).toBe('news');
    expect([sender.take(0)?.chunk, sender.take(0)?.chunk, sender.hasMore]).toEqual([6, undefined, false]);
  });

  it('resends the first chunk without a reply, and after its reply the later ones', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    expect(sender.resendDueMs).toBe(Number.POSITIVE_INFINITY);
    chunksLeaving(sender);
    sender.onWanted(snapshot, 1, 500);
    expect(chunksLeaving(sender)).toEqual([4]);
    expect(sender.resend(sender.resendDueMs)?.chunk).toBe(1);
    expect(chunksLeaving(sender)).toEqual([]);
    expect(sender.onWanted(snapshot, 2, 2_000)).toBe('news');
    expect(chunksLeaving(sender)).toEqual([2, 3, 4, 5]);
  });

  it('skips the chunks that the follower already has', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    expect(sender.take(0)?.chunk).toBe(0);
    expect(sender.onWanted(snapshot, 3, 0)).toBe('news');
    expect(chunksLeaving(sender)).toEqual([3, 4, 5, 6]);
  });

  it('ignores a repeated reply: each repeated chunk would start another stream of chunks', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    chunksLeaving(sender);
    expect(sender.onWanted(snapshot, 1, 0)).toBe('news');
    expect(chunksLeaving(sender)).toEqual([4]);
    expect(sender.onWanted(snapshot, 1, 0)).toBe('ignore');
    expect(sender.onWanted(snapshot, 0, 0)).toBe('ignore');
    expect(chunksLeaving(sender)).toEqual([]);
    expect(sender.onWanted({ index: asIndex(9), term: asTerm(2) }, 1, 0)).toBe('ignore');
  });

  it('does not stage a chunk twice', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    const transfers = new SnapshotTransfers(asNodeId(2), openMemoryStorage({ recordKinds: ['record'] }), CHUNK_BYTES);
    const first = messageOf(sender);
    const hardState = { term: asTerm(2), votedFor: undefined };
    expect(transfers.onChunk(first, hardState)).toBe('staged');
    expect(transfers.replyTo(first, asTerm(2)).nextChunk).toBe(1);
    expect(transfers.onChunk(first, hardState)).toBe('staged');
    expect(transfers.replyTo(first, asTerm(2)).nextChunk).toBe(1);
  });

  it('gives a chunk that was damaged in transit no reply, and accepts it when it is resent', () => {
    const sender = new SnapshotSender(aStorageWithCheckpoint(), CHUNK_BYTES, 0);
    const transfers = new SnapshotTransfers(asNodeId(2), openMemoryStorage({ recordKinds: ['record'] }), CHUNK_BYTES);
    const hardState = { term: asTerm(2), votedFor: undefined };
    const first = messageOf(sender);
    const data = first.data.slice();
    data[data.length - 1] = (data[data.length - 1] ?? 0) ^ 1;
    expect(transfers.onChunk({ ...first, data }, hardState)).toBe('damaged');
    expect(transfers.onChunk({ ...first, data: first.data.subarray(0, first.data.length - 1) }, hardState)).toBe('damaged');
    expect(transfers.onChunk(first, hardState)).toBe('staged');
  });
});
