import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lifeOf } from '../../src/base/generation.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { RECORD_KINDS, RecordKind } from '../../src/queue/record.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { NodeTable } from './node-table.ts';

const ORIGIN = { cluster: 4711, founders: [1, 2, 3].map((node) => ({ node, disk: node })) };
let lives = 0;

function openFile(folder: string, node: number): NodeStorage {
  lives += 1;
  const storage = openSqliteStorage({
    file: join(folder, `node-${node}`, 'jobraft.db'),
    recordKinds: RECORD_KINDS,
    entryKind: RECORD_KINDS[RecordKind.entry],
    durability: 'full',
    newDiskId: node,
    origin: ORIGIN,
    life: lifeOf(lives),
  });
  onTestFinished(() => storage[Symbol.dispose]());
  return storage;
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-copied-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Three nodes with files in a folder, a copy of node 2's folder in another one, and jobs added before and after the copy. */
function aCopiedNode() {
  const [folder, elsewhere] = [aFolder(), aFolder()];
  const versions = [1, 2, 3].map(() => MACHINE_VERSION);
  const table = new NodeTable(versions, { checkpointEntries: 5, tailEntries: 2 }, {}, (_, node) => openFile(folder, node));
  const client = table.open();
  for (let count = 0; count < 3; count += 1) table.add(client);
  table.awaitEqual();
  cpSync(join(folder, 'node-2'), join(elsewhere, 'node-2'), { recursive: true });
  for (let count = 0; count < 20; count += 1) table.add(client);
  table.awaitEqual();
  const { generation } = table.node(2);
  const recorded = () => table.node(1).view.configuration.disks.find(({ node }) => node === 2)?.generation;
  table.passUntil('the record of the latest generation', () => recorded() === generation.current);
  return { table, client, startCopy: () => table.startDouble(2, MACHINE_VERSION, openFile(elsewhere, 2)) };
}

const rolledBack = expect.objectContaining({
  code: 'STORAGE_ROLLED_BACK',
  message: expect.stringMatching(/restored from an older copy/),
});

describe('a copy of node 2’s folder under another path, started as node 2', () => {
  it.each([1, 3])('is rejected by leader %i, and its acknowledgements commit nothing', (peer) => {
    const { table, client, startCopy } = aCopiedNode();
    table.transfer(peer);
    expect(table.leader()).toBe(peer);
    for (const node of [2, 4 - peer]) table.isolated.add(node);
    // Entries appended from now on can be acknowledged only by the copy.
    table.submitAdd(client);
    const { view } = table.node(peer);
    const { commit } = view;
    startCopy();
    table.passUntil('the end of the copy', () => table.ends.has(2));
    expect(table.ends.get(2)).toEqual(rolledBack);
    expect(view.log.lastIndex).toBeGreaterThan(commit);
    expect(view.commit).toBe(commit);
  });

  it.each([1, 3])('is rejected by candidate %i, and neither votes for the other', (peer) => {
    const { table, startCopy } = aCopiedNode();
    table.transfer(4 - peer);
    expect(table.leader()).toBe(4 - peer);
    for (const node of [2, 4 - peer]) table.isolated.add(node);
    const { term } = table.node(peer).view;
    startCopy();
    const copy = table.doubles.get(2);
    table.passUntil('the end of the copy', () => table.ends.has(2));
    expect(table.ends.get(2)).toEqual(rolledBack);
    // No term was raised: that requires the pre-vote of another node.
    expect(copy?.view.term).toBeLessThanOrEqual(term);
    expect(table.node(peer).view.term).toBe(term);
  });

  it('does not count beside the node that it was copied from, which continues', () => {
    const { table, client, startCopy } = aCopiedNode();
    startCopy();
    table.passUntil('the end of the copy', () => table.ends.has(2));
    expect(table.ends.get(2)).toEqual(rolledBack);
    table.add(client);
    table.awaitEqual();
    expect(table.digests().size).toBe(1);
  });
});
