import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { kindTag, RowChecksum } from '../../src/storage/row-checksum.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { aHardState, appendOf, aSnapshot, bytes, DISK, entriesUpTo, JOB, KINDS, pattern, put, recordsOf } from './storage-fixtures.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-migration-'));
  file = join(directory, 'jobraft.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const open = (): NodeStorage => openSqliteStorage({ file, recordKinds: KINDS, durability: 'full', newDiskId: DISK });
const checksum = new RowChecksum();

/** A file as version 1 created it, byte for byte where it matters. */
function version1(write: (db: Database.Database) => void): void {
  const db = new Database(file);
  db.pragma('page_size = 16384');
  db.pragma('journal_mode = WAL');
  db.exec(`
        CREATE TABLE entry (
          position INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE meta (id INTEGER PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
        CREATE TABLE "record_job" (key INTEGER PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
        CREATE TABLE "record_session" (key INTEGER PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
  `);
  db.pragma(`application_id = ${0x6a726674}`);
  db.pragma('user_version = 1');
  write(db);
  db.close();
}

function putMeta(db: Database.Database, id: number, encode: (writer: ByteWriter) => void): void {
  const writer = new ByteWriter();
  encode(writer);
  const value = writer.copy();
  db.prepare('INSERT INTO meta VALUES (?, ?, ?)').run(id, value, checksum.meta(id, value));
}

const writeAll = (writer: ByteWriter, ...values: number[]): void => {
  for (const value of values) writer.f64(value);
};

/** Term 4, voted for 2; entries 3 to 9 behind a compaction at 2; a checkpoint at 6 with one job. */
function somethingOfVersion1(db: Database.Database): void {
  for (const { index, term, data } of entriesUpTo(3, 9, 4)) {
    db.prepare('INSERT INTO entry VALUES (?, ?, 1, ?, ?)').run(index, term, data, checksum.entry(index, term, 1, data));
  }
  const job = pattern(50);
  db.prepare('INSERT INTO record_job VALUES (7, ?, ?)').run(job, checksum.record(kindTag('job'), 7, job));
  putMeta(db, 1, (writer) => writeAll(writer, 4, 2));
  putMeta(db, 2, (writer) => {
    writer.f64(6);
    writer.f64(4);
    for (const nodes of [[1, 2, 3], [], [5]]) {
      writer.u32(nodes.length);
      for (const node of nodes) writer.f64(node);
    }
    writer.u32(2);
    for (const [kind, records] of [
      ['job', 1],
      ['session', 0],
    ] as const) {
      writer.text(kind);
      writer.f64(records);
    }
  });
  putMeta(db, 3, (writer) => writeAll(writer, 2, 4));
}

const withCode = (code: string, message: RegExp): unknown => expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('a file of version 1', () => {
  it('is read, as the disk that matches any, and goes on in this version', () => {
    version1(somethingOfVersion1);
    const expected = {
      hardState: aHardState(4, 2),
      checkpoint: {
        index: asIndex(6),
        term: asTerm(4),
        configuration: configurationOf({ voters: [1, 2, 3].map(asNodeId), learners: [asNodeId(5)] }),
      },
      compacted: { index: 2, term: 4 },
      entries: entriesUpTo(3, 9, 4),
      disk: 0,
      generation: 0,
    };
    {
      using storage = open();
      expect(storage.load()).toStrictEqual(expected);
      expect(recordsOf(storage, JOB)).toStrictEqual([[7, pattern(50)]]);
    }
    using storage = open();
    expect(storage.load()).toStrictEqual(expected);
    storage.persist({ append: appendOf(entriesUpTo(10, 12, 5)) });
    storage.persist({ checkpoint: { snapshot: aSnapshot(11, 5), changes: [put(JOB, 8, bytes(8))] }, compactTo: asIndex(10) });
    expect(storage.load()).toMatchObject({ checkpoint: aSnapshot(11, 5), compacted: { index: 10 }, entries: { length: 2 }, disk: 0 });
  });

  it('may be one that was never written to', () => {
    version1(() => {});
    using storage = open();
    expect(storage.load()).toStrictEqual({
      hardState: aHardState(0),
      checkpoint: undefined,
      compacted: { index: 0, term: 0 },
      entries: [],
      disk: 0,
      generation: 0,
    });
  });

  it.each([
    ['a row of meta', 'UPDATE meta SET value = zeroblob(16) WHERE id = 3', /row 3 \(compacted\)/],
    ['the checkpoint', "UPDATE meta SET value = x'00' WHERE id = 2", /row 2 \(checkpoint\)/],
    ['the last entry', 'UPDATE entry SET term = 3 WHERE position = 9', /entry 9 of the log/],
    ['an entry', 'UPDATE entry SET term = 3 WHERE position = 5', /entry 5 of the log/],
  ])('is not migrated over damage in %s', (_, statement, message) => {
    version1((db) => {
      somethingOfVersion1(db);
      db.exec(statement);
    });
    const start = () => {
      using storage = open();
      storage.load();
    };
    expect(start).toThrow(withCode('STORAGE_DAMAGED', message));
    expect(start).toThrow(withCode('STORAGE_DAMAGED', message));
  });
});

describe('a header whose version was damaged', () => {
  it.each([0, 1, 2, 6, 66])('is distinguished from a file of version %i', (version) => {
    open()[Symbol.dispose]();
    const db = new Database(file);
    db.pragma(`user_version = ${version}`);
    db.close();
    expect(open).toThrow(withCode('STORAGE_DAMAGED', /not one of jobraft|gives the version \d+, and its rows are of version 3/));
  });
});
