import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { ClusterLimits } from '../../src/config/limits.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import { options } from '../queue/harness.ts';
import { NodeTable } from './node-table.ts';

const QUICK: Partial<ClusterLimits> = { checkpointEntries: 5, tailEntries: 1, snapshotChunkBytes: 1 };

/** A cluster of three whose log is compacted, and a follower that was away meanwhile. Its snapshot has many chunks. */
function aTable(limits: Partial<ClusterLimits>, storageOf?: ConstructorParameters<typeof NodeTable>[3]) {
  const table = new NodeTable([2, 2, 2], limits, {}, storageOf);
  const leader = table.leader();
  const client = table.open();
  const away = table.ids.find((id) => id !== leader) as number;
  table.isolated.add(away);
  // Longer than entries are kept for a silent follower.
  table.pass(11_000);
  table.request(client, (to) => {
    for (let job = 0; job < 1_000; job += 1) to.add('q', new Uint8Array(10), options());
  });
  for (let job = 0; job < 20; job += 1) table.add(client);
  expect(table.node(leader).view.log.firstIndex).toBeGreaterThan(table.node(away).view.log.lastIndex + 1);
  return { table, leader, client, away };
}

/** An entry arrives every 10 ms, much faster than a snapshot. @returns the number of entries until the follower had nearly caught up. */
function loadUntilCaughtUp({ table, leader, client, away }: ReturnType<typeof aTable>, entriesMax: number): number {
  for (let entries = 0; entries < entriesMax; entries += 1) {
    const encoder = new RequestEncoder();
    encoder.begin(client, table.nextSequence(), 1);
    encoder.add('q', new Uint8Array(10), options());
    table.node(leader).receiveClientPacket(1, packetOf({ type: 'request', request: encoder.finish() }));
    table.pass(10);
    if (table.node(away).applied >= table.node(leader).applied - 4) return entries;
  }
  return entriesMax;
}

describe('a follower that needs a snapshot while jobs keep coming', () => {
  it('catches up by one snapshot and the log after it, which the leader keeps', () => {
    const scene = aTable(QUICK);
    const { table, away } = scene;
    table.isolated.delete(away);
    expect(loadUntilCaughtUp(scene, 300)).toBeLessThan(300);
    table.awaitEqual();
    expect(table.digests().size).toBe(1);
  });

  it('receives a chunk with each turn of the leader, which need not wait for the replies', () => {
    let chunks = 0;
    const { table, away, leader } = aTable(QUICK, (disk) => {
      const storage = openMemoryStorage({ recordKinds: RECORD_KINDS, disk });
      const stage = storage.stageSnapshot.bind(storage);
      storage.stageSnapshot = (chunk, records) => {
        chunks += 1;
        stage(chunk, records);
      };
      return storage;
    });
    table.isolated.delete(away);
    table.passUntil('the first chunk', () => chunks > 0);
    const before = chunks;
    let turns = 0;
    for (; table.node(away).applied < table.node(leader).applied && turns < 1_000; turns += 1) {
      table.deliver();
      for (const id of table.ids) table.node(id).turn();
    }
    expect(chunks - before).toBeGreaterThan(20);
    expect(turns).toBeLessThan(1.2 * (chunks - before) + 10);
  });

  it('would never catch up if the leader kept no entries for it', () => {
    const scene = aTable({ ...QUICK, followerTailBytes: 1, checkpointBytes: 1 });
    scene.table.isolated.delete(scene.away);
    expect(loadUntilCaughtUp(scene, 300)).toBe(300);
  });

  it('has entries kept for it up to a bound in bytes', () => {
    const scene = aTable({ ...QUICK, followerTailBytes: 1 });
    const { table, away, leader, client } = scene;
    table.isolated.delete(away);
    for (let job = 0; job < 60; job += 1) table.add(client);
    const { log } = table.node(leader).view;
    expect(log.lastIndex - log.firstIndex).toBeLessThan(20);
  });

  it('has no entries kept for it once it was silent for long', () => {
    const { table, leader, client, away } = aTable(QUICK);
    expect(table.node(leader).view.leading?.progress.has(asNodeId(away))).toBe(true);
    for (let job = 0; job < 30; job += 1) table.add(client);
    const { log } = table.node(leader).view;
    expect(log.lastIndex - log.firstIndex).toBeLessThan(20);
  });
});
