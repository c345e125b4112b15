import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage, PersistBatch } from '../../src/storage/port.ts';
import { options } from '../queue/harness.ts';
import { NodeTable } from './node-table.ts';

const PART = 3;
const CONFLICTING = 100;

/**
 * A reconnected deposed leader with entries that no other node has. `deleted`: how many entries each of its persists since then deleted.
 */
function aDeposedLeader() {
  const deleted: number[] = [];
  const disks = new Map<number, NodeStorage>();
  const table = new NodeTable([2, 2, 2], {}, {}, (disk, id) => {
    const storage = openMemoryStorage({ recordKinds: RECORD_KINDS, disk, truncatedEntriesMax: PART });
    disks.set(id, storage);
    return storage;
  });
  const deposed = table.leader();
  const client = table.open();
  table.add(client);
  table.awaitEqual();
  const agreed = table.node(deposed).view.log.lastIndex;
  table.isolated.add(deposed);
  for (let entry = 0; entry < CONFLICTING; entry += 1) {
    const encoder = new RequestEncoder();
    encoder.begin(client, table.nextSequence(), 1);
    encoder.add('lost', new Uint8Array(4), options());
    table.node(deposed).receiveClientPacket(1, packetOf({ type: 'request', request: encoder.finish() }));
    table.node(deposed).turn();
  }
  table.passUntil('another leader', () => table.leader() !== deposed);
  for (let job = 0; job < 5; job += 1) table.add(client);

  const disk = disks.get(deposed) as NodeStorage;
  const lastOf = (): number => agreed + disk.load().entries.filter(({ index }) => index > agreed).length;
  expect(lastOf()).toBe(agreed + CONFLICTING);
  const persist = disk.persist.bind(disk);
  disk.persist = (batch: PersistBatch) => {
    const { append } = batch;
    if (append !== undefined && append.from <= lastOf()) deleted.push(lastOf() - append.from + 1);
    persist(batch);
  };
  table.isolated.delete(deposed);
  return { table, deposed, agreed, deleted, lastOf };
}

describe('a follower whose log has a long conflicting suffix', () => {
  it('deletes one part of it each turn, and acknowledges the new entries only when they are on its disk', () => {
    const { table, deposed, agreed, deleted, lastOf } = aDeposedLeader();
    const matchOf = (): number => table.node(table.leader()).view.leading?.progress.get(asNodeId(deposed))?.match ?? 0;
    table.passUntil('a part to be deleted', () => deleted.length > 0);
    while (lastOf() > agreed + 5) {
      expect(matchOf()).toBeLessThanOrEqual(agreed);
      expect(table.node(deposed).hasMore).toBe(true);
      expect(table.node(deposed).nextDeadlineMs).toBeLessThanOrEqual(table.nowMs);
      const before = deleted.length;
      table.node(deposed).turn();
      expect(deleted.length).toBe(before + 1);
    }
    table.passUntil('the rest', () => !table.node(deposed).hasMore);
    table.awaitEqual();
    expect(table.digests().size).toBe(1);
    expect(matchOf()).toBe(lastOf());
    expect(Math.max(...deleted)).toBe(PART);
    expect(deleted.reduce((sum, count) => sum + count, 0)).toBe(CONFLICTING);
  });

  it('writes the newer term with the first part, and continues after a crash in the middle', () => {
    const { table, deposed, agreed, deleted, lastOf } = aDeposedLeader();
    table.passUntil('a part to be deleted', () => deleted.length > 0);
    const { term } = table.node(deposed).view;
    const left = lastOf();
    expect(left).toBeGreaterThan(agreed + PART);
    expect(left).toBeLessThan(agreed + CONFLICTING);
    table.start(deposed, 2);
    const { view } = table.node(deposed);
    expect(view.term).toBe(term);
    expect(view.log.lastIndex).toBe(left);
    table.awaitEqual();
    expect(table.digests().size).toBe(1);
    expect(table.node(deposed).machine.counts('lost').waiting).toBe(0);
  });
});
