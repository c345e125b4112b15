import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { aHardState, anEntry, appendOf, aSnapshot, DISK, gone, pattern, put, readAll, recordsOf } from './storage-fixtures.ts';

const KINDS = ['job', 'entry'];
const JOB = 0;
const ENTRY = 1;
const LARGE = 20_000;

const large = (index: number, size = LARGE) => anEntry(index, { data: pattern(size, index) });

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-kept-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const fileOf = (node: number): string => join(directory, `node-${node}`, 'jobraft.db');
const openNode = (node: number): NodeStorage =>
  openSqliteStorage({ file: fileOf(node), recordKinds: KINDS, entryKind: 'entry', durability: 'off', newDiskId: DISK });

/** The rows of the log in the file, the end row included. */
function rowsOf(node: number): number[] {
  const db = new Database(fileOf(node), { readonly: true });
  try {
    return db.prepare<[], number>('SELECT position FROM entry ORDER BY position').pluck().all();
  } finally {
    db.close();
  }
}

/** Turns without a checkpoint, in which dead rows are deleted. */
function turns(storage: NodeStorage, from: number, to: number): void {
  for (let index = from; index <= to; index += 1) storage.persist({ append: appendOf([anEntry(index)]) });
}

/** Entries 1 to 4, of which the checkpoint keeps 2 and 3; the log begins after 4. */
function keepTwo(storage: NodeStorage, size = LARGE): void {
  storage.persist({ append: appendOf([1, 2, 3, 4].map((index) => large(index, size))) });
  const changes = [put(JOB, 7, pattern(10)), put(ENTRY, 2, large(2, size).data), put(ENTRY, 3, large(3, size).data)];
  storage.persist({ checkpoint: { snapshot: aSnapshot(4), changes }, compactTo: asIndex(4) });
  turns(storage, 5, 6);
}

describe('an entry that the checkpoint keeps', () => {
  it('is not written again, stays when the log around it is deleted, and is deleted when the checkpoint releases it', () => {
    let storage = openNode(1);
    keepTwo(storage);
    expect(rowsOf(1)).toEqual([2, 3, 5, 6, 7]);
    expect(recordsOf(storage, ENTRY)).toEqual([
      [2, large(2).data],
      [3, large(3).data],
    ]);
    storage[Symbol.dispose]();
    const db = new Database(fileOf(1), { readonly: true });
    expect(db.prepare('SELECT sum(length(value)) FROM record_entry').pluck().get()).toBe(0);
    db.close();

    storage = openNode(1);
    expect(storage.load().entries.map(({ index }) => index)).toEqual([5, 6]);
    expect(storage.readRecord(ENTRY, 2)).toEqual(large(2).data);
    turns(storage, 7, 8);
    storage.persist({ checkpoint: { snapshot: aSnapshot(6), changes: [gone(ENTRY, 2)] } });
    expect(storage.readRecord(ENTRY, 2)).toBeUndefined();
    expect(storage.readRecord(ENTRY, 3)).toEqual(large(3).data);
    turns(storage, 9, 9);
    expect(rowsOf(1)).toEqual([3, 5, 6, 7, 8, 9, 10]);
    storage[Symbol.dispose]();
  });

  it('stays in the log when the checkpoint releases it first', () => {
    using storage = openNode(1);
    storage.persist({ append: appendOf([1, 2, 3].map((index) => large(index))) });
    storage.persist({ checkpoint: { snapshot: aSnapshot(2), changes: [put(ENTRY, 2, large(2).data)] } });
    storage.persist({ checkpoint: { snapshot: aSnapshot(3), changes: [gone(ENTRY, 2)] } });
    expect(storage.load().entries.map(({ data }) => data.length)).toEqual([LARGE, LARGE, LARGE]);
    storage.persist({ compactTo: asIndex(3) });
    turns(storage, 4, 4);
    expect(rowsOf(1)).toEqual([4, 5]);
  });

  it('is written as a record where it is no longer in the log', () => {
    using storage = openNode(1);
    storage.persist({ append: appendOf([1, 2].map((index) => large(index))) });
    storage.persist({ checkpoint: { snapshot: aSnapshot(2), changes: [] }, compactTo: asIndex(2) });
    turns(storage, 3, 3);
    storage.persist({ checkpoint: { snapshot: aSnapshot(3), changes: [put(ENTRY, 1, large(1).data)] } });
    expect(storage.readRecord(ENTRY, 1)).toEqual(large(1).data);
  });

  it('is sent whole with a snapshot, whose installation releases the earlier kept entries', () => {
    using leader = openNode(1);
    keepTwo(leader);
    using follower = openNode(2);
    keepTwo(follower);
    follower.persist({ append: appendOf([7, 8].map((index) => large(index))) });
    leader.persist({ append: appendOf([7, 8].map((index) => large(index))) });
    leader.persist({
      checkpoint: { snapshot: aSnapshot(8), changes: [put(ENTRY, 7, large(7).data), gone(ENTRY, 2)] },
      compactTo: asIndex(8),
    });
    {
      using reader = leader.openCheckpointReader();
      readAll(reader, 1000).forEach((records, chunk) => {
        follower.stageSnapshot(chunk, records);
      });
    }
    follower.installSnapshot(aSnapshot(8), aHardState(1));
    turns(follower, 9, 10);
    for (const storage of [leader, follower]) {
      expect(recordsOf(storage, ENTRY)).toEqual([
        [3, large(3).data],
        [7, large(7).data],
      ]);
    }
    expect(rowsOf(2)).toEqual([9, 10, 11]);
  });

  it('is never served when it is damaged or gone', () => {
    openNode(1)[Symbol.dispose]();
    {
      using storage = openNode(1);
      keepTwo(storage, 10_000);
    }
    const db = new Database(fileOf(1));
    const data = db.prepare<[], Buffer>('SELECT data FROM entry WHERE position = 2').pluck().get() ?? Buffer.alloc(1);
    data[100] = (data[100] ?? 0) ^ 1;
    db.prepare('UPDATE entry SET data = ? WHERE position = 2').run(data);
    db.prepare('DELETE FROM entry WHERE position = 3').run();
    db.close();
    using storage = openNode(1);
    expect(() => storage.readRecord(ENTRY, 2)).toThrow(/entry 2 of the log does not match its checksum/);
    expect(() => storage.readRecord(ENTRY, 3)).toThrow(/entry 3 of the log is missing/);
    using reader = storage.openCheckpointReader();
    expect(() => readAll(reader)).toThrow(/entry 2 of the log/);
  });
});

type Step = { readonly type: 'append' | 'keep' | 'release' | 'compact' | 'restart' | 'install'; readonly pick: number };

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('append', 'append', 'keep', 'keep', 'release', 'compact', 'restart', 'install'),
  pick: fc.nat(1000),
});

/** A SQLite file and a disk in memory, which has no kept rows, take the same steps. */
describe('kept entries, compared with records that are written in full', () => {
  it('read the same after any history, and leave no row behind', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        rmSync(directory, { recursive: true, force: true });
        let file = openNode(1);
        const memory = openMemoryStorage({ recordKinds: KINDS, disk: new MemoryDisk(DISK) });
        const both = (act: (storage: NodeStorage) => void): void => {
          act(file);
          act(memory);
        };
        let [last, covered, compacted] = [0, 0, 0];
        const kept = new Set<number>();
        for (const { type, pick } of steps) {
          if (type === 'append') {
            last += 1;
            both((storage) => storage.persist({ append: appendOf([large(last, (pick % 2 === 0 ? 50 : 16_000) + pick)]) }));
          } else if (type === 'keep') {
            // A checkpoint keeps entries that follow the previous checkpoint.
            const key = covered + 1 + (pick % Math.max(1, last - covered));
            const data = file.load().entries[key - compacted - 1]?.data;
            if (data === undefined) continue;
            kept.add(key);
            covered = last;
            both((storage) => storage.persist({ checkpoint: { snapshot: aSnapshot(covered), changes: [put(ENTRY, key, data)] } }));
          } else if (type === 'release') {
            const key = [...kept][pick % Math.max(1, kept.size)];
            if (key === undefined) continue;
            kept.delete(key);
            both((storage) => storage.persist({ checkpoint: { snapshot: aSnapshot(covered), changes: [gone(ENTRY, key)] } }));
          } else if (type === 'compact') {
            compacted += pick % (covered - compacted + 1);
            both((storage) => storage.persist({ compactTo: asIndex(compacted) }));
          } else if (type === 'restart') {
            file[Symbol.dispose]();
            file = openNode(1);
          } else if (last > covered && kept.size > 0) {
            // A snapshot of another node's later state.
            const records = recordsOf(memory, ENTRY).map(([key, value]) => put(ENTRY, key, value));
            both((storage) => storage.stageSnapshot(0, records));
            [covered, compacted] = [last, last];
            both((storage) => storage.installSnapshot(aSnapshot(last), aHardState(1)));
          }
          expect(recordsOf(file, ENTRY)).toEqual(recordsOf(memory, ENTRY));
        }
        file.persist({ append: appendOf([anEntry(last + 1)]) });
        file.persist({ append: appendOf([anEntry(last + 2)]) });
        expect(rowsOf(1).filter((position) => position <= compacted && !kept.has(position))).toEqual([]);
        file[Symbol.dispose]();
      }),
      { numRuns: 60 },
    );
  });
});
