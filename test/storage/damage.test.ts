import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import type { NodeStorage, PersistedState } from '../../src/storage/port.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import {
  aHardState,
  anEntry,
  appendOf,
  aSnapshot,
  bytes,
  DISK,
  entriesUpTo,
  gone,
  JOB,
  KINDS,
  pattern,
  put,
  SESSION,
} from './storage-fixtures.ts';

/**
 * One file with data in every table, damaged in every way, one at a time. Like a node, the test opens it, loads it, reads every record, and
 * later reads records one by one. The damage must be detected, or all data must be unchanged.
 */
let directory: string;
let pristine: string;
let file: string;
let original: Contents;

interface Contents {
  readonly state: PersistedState;
  readonly records: readonly { readonly kind: number; readonly key: number; readonly value: Uint8Array }[];
  readonly readOneByOne: readonly (Uint8Array | undefined)[];
}

const open = (): NodeStorage => openSqliteStorage({ file, recordKinds: KINDS, durability: 'off', newDiskId: DISK });

/** Entries up to here are compacted, and some of them are still in the file. */
const COMPACTED = 1100;
const LAST = 1109;

function write(storage: NodeStorage): void {
  const entries = [
    ...entriesUpTo(1, 1100),
    anEntry(1101, { kind: 'noop', data: bytes() }),
    anEntry(1102, { kind: 'configuration', data: pattern(60) }),
    ...entriesUpTo(1103, 1105, 2),
    anEntry(1106, { term: 2, kind: 'noop', data: pattern(40_000) }),
    // In a segment.
    anEntry(1107, { term: 3, data: pattern(40_000) }),
    ...entriesUpTo(1108, LAST, 3),
  ];
  const jobs = [put(JOB, 0, bytes()), put(JOB, 1, pattern(300)), put(JOB, 9, pattern(30_000)), put(JOB, 2 ** 40, bytes(7))];
  const many = Array.from({ length: 400 }, (_, at) => put(SESSION, at * 2, pattern(200, at)));
  storage.persist({ hardState: aHardState(3, 2), append: appendOf(entries) });
  storage.persist({ checkpoint: { snapshot: aSnapshot(1103, 2), changes: [put(JOB, 3, pattern(70_000)), ...jobs, ...many] } });
  // Leaves free pages and dead rows.
  storage.persist({ checkpoint: { snapshot: aSnapshot(1104, 2), changes: [gone(JOB, 3)] }, compactTo: asIndex(COMPACTED) });
}

function contents(storage: NodeStorage): Contents {
  const state = storage.load();
  const records = [...KINDS.keys()].flatMap((kind) => [...storage.records(kind)].map((record) => ({ kind, ...record })));
  return { state, records, readOneByOne: (original?.records ?? records).map(({ kind, key }) => storage.readRecord(kind, key)) };
}

const NEXT_CHANGES = [
  put(JOB, 5, pattern(50_000)),
  put(SESSION, 1, bytes(1)),
  ...[0, 2, 4, 6].map((key) => put(SESSION, key, pattern(2000))),
];

/** @returns `detected`, `intact`, or the other outcome. */
function start(): string {
  try {
    using storage = open();
    const found = contents(storage);
    if (!isSame(found, original)) return 'served damaged contents';
    // Damage where nothing is stored must not affect data that is written there next.
    storage.persist({ append: appendOf(entriesUpTo(LAST + 1, LAST + 20, 4)), compactTo: asIndex(1102) });
    storage.persist({ checkpoint: { snapshot: aSnapshot(LAST + 10, 4), changes: NEXT_CHANGES } });
    const { state, records } = contents(storage);
    return state.entries.length === LAST + 20 - 1102 && records.length === original.records.length + 2 ? 'intact' : 'damaged new writes';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'STORAGE_DAMAGED') return 'detected';
    return String(error);
  }
}

const isSame = (a: Contents, b: Contents): boolean => isDeepStrictEqual(a, b);

/** Changes a copy of the file. */
function tampered(change: (db: Database.Database) => void): string {
  restore();
  const db = new Database(file);
  try {
    change(db);
  } finally {
    db.close();
  }
  return start();
}

function restore(): void {
  for (const suffix of ['-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true });
  for (const suffix of ['', '-segment-1']) copyFileSync(pristine + suffix, file + suffix);
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-damage-'));
  pristine = join(directory, 'pristine.db');
  file = join(directory, 'jobraft.db');
  {
    using storage = open();
    write(storage);
    original = contents(storage);
  }
  for (const suffix of ['', '-segment-1']) copyFileSync(file + suffix, pristine + suffix);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(restore);

/** The tables with their key first, as the file has them. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  entry: ['position', 'term', 'kind', 'data', 'checksum'],
  meta: ['id', 'value', 'checksum'],
  record_job: ['key', 'value', 'checksum'],
  record_session: ['key', 'value', 'checksum'],
};
/** Without the log's dead rows. */
const keysOf = (table: string): number[] => {
  const db = new Database(pristine, { readonly: true });
  const keys = db
    .prepare(`SELECT rowid FROM ${table} ORDER BY rowid`)
    .pluck()
    .all()
    .map(Number)
    .filter((key) => table !== 'entry' || key > COMPACTED);
  db.close();
  return keys;
};
/** All rows of a small table; of a large one the first, the last and some between. */
const someOf = <Item>(items: readonly Item[]): Item[] =>
  items.filter((_, at) => items.length < 20 || at % 97 === 0 || at === items.length - 1);

const BITS = [0, 1, 6, 7, 8, 13, 16, 24, 31, 32, 33, 47, 52, 53, 54, 62, 63];
let turn = 0;
/** Some of the bits, different ones for each call. */
const someBits = (): number[] => BITS.filter((_, at) => (at + turn++) % 5 === 0);

function flipColumn(db: Database.Database, table: string, column: string, key: number, bit: number): void {
  const keyName = TABLES[table]?.[0] ?? '';
  const stored: unknown = db.prepare(`SELECT ${column} FROM ${table} WHERE ${keyName} = ?`).pluck().safeIntegers().get(key);
  const update = db.prepare(`UPDATE OR REPLACE ${table} SET ${column} = ? WHERE ${keyName} = ?`);
  if (Buffer.isBuffer(stored)) {
    if (stored.length === 0) update.run(bytes(1 << (bit % 8)), key);
    const at = Math.floor((bit * 8191) / 8) % Math.max(1, stored.length);
    stored[at] = (stored[at] ?? 0) ^ (1 << (bit % 8));
    if (stored.length > 0) update.run(stored, key);
  } else update.run(BigInt.asIntN(64, (stored as bigint) ^ (1n << BigInt(bit))), key);
}

describe('one flipped bit', () => {
  it.each(Object.keys(TABLES))('in any column of any row of the table %s is found when the node starts', (table) => {
    const missed: string[] = [];
    let flips = 0;
    for (const key of someOf(keysOf(table))) {
      for (const column of TABLES[table] ?? []) {
        for (const bit of someBits()) {
          flips += 1;
          const outcome = tampered((db) => flipColumn(db, table, column, key, bit));
          if (outcome !== 'detected') missed.push(`${table}.${column} of ${key}, bit ${bit}: ${outcome}`);
        }
      }
    }
    expect(missed).toEqual([]);
    expect(flips).toBeGreaterThan(30);
  });

  it('in a dead row of the log is harmless, or found where it would matter', () => {
    const db = new Database(pristine, { readonly: true });
    const dead = Number(db.prepare('SELECT min(position) FROM entry').pluck().get());
    db.close();
    expect(dead).toBeLessThan(COMPACTED);
    for (const bit of BITS) expect(tampered((open) => flipColumn(open, 'entry', 'position', dead, bit))).toMatch(/^(intact|detected)$/);
    expect(tampered((open) => flipColumn(open, 'entry', 'data', dead, 3))).toBe('intact');
  });

  it("in the database's header is found, or harmless", () => {
    const outcomes = flipBytes(Array.from({ length: 100 }, (_, at) => at));
    expect(outcomes.missed).toEqual([]);
    expect(outcomes.detected).toBeGreaterThan(60);
  });

  it('in a segment is found', () => {
    const places = Array.from({ length: 97 }, (_, at) => at * 416);
    const outcomes = flipBytes(places, '-segment-1');
    expect(outcomes).toEqual({ missed: [], detected: places.length });
  });

  // Hundreds of files are written and read back, which takes a slow or busy disk long: 10 s on an idle machine.
  it('anywhere in any page is found, or harmless where nothing is stored', { timeout: 900_000 }, () => {
    const content = readFileSync(pristine);
    const pageBytes = 16_384;
    const places: number[] = [];
    for (let page = 0; page < content.length / pageBytes; page += 1) {
      // The page's own header and its first pointers, the last cell, and some places between.
      for (let at = 0; at < 20; at += 3) places.push(page * pageBytes + at + (page === 0 ? 100 : 0));
      for (let at = 0; at < 24; at += 1) places.push(page * pageBytes + ((at * 691 + page * 37) % pageBytes));
      for (let at = 1; at < 60; at += 7) places.push((page + 1) * pageBytes - at);
    }
    const outcomes = flipBytes(places);
    expect(outcomes.missed).toEqual([]);
    expect(outcomes.detected).toBeGreaterThan(100);
  });
});

/** Flips one bit of each of these bytes of the file, or of one beside it, one at a time. */
function flipBytes(places: readonly number[], suffix = ''): { readonly missed: readonly string[]; readonly detected: number } {
  const missed: string[] = [];
  let detected = 0;
  const content = readFileSync(pristine + suffix);
  for (const at of places) {
    const bit = (at * 5 + Math.floor(at / 8)) % 8;
    restore();
    const damagedContent = Uint8Array.from(content);
    damagedContent[at] = (damagedContent[at] ?? 0) ^ (1 << bit);
    writeFileSync(file + suffix, damagedContent);
    const outcome = start();
    if (outcome === 'detected') detected += 1;
    else if (outcome !== 'intact') missed.push(`byte ${at}, bit ${bit}: ${outcome}`);
  }
  return { missed, detected };
}

describe('rows that are not where they were', () => {
  const outcomeOf = (...statements: readonly string[]): string =>
    tampered((db) => {
      for (const statement of statements) expect(db.prepare(statement).run().changes, statement).toBeGreaterThan(0);
    });

  it.each(Object.keys(TABLES))('one deleted from the table %s is found', (table) => {
    const key = TABLES[table]?.[0];
    for (const row of someOf(keysOf(table))) expect(outcomeOf(`DELETE FROM ${table} WHERE ${key} = ${row}`), `${row}`).toBe('detected');
  });

  it.each(Object.keys(TABLES))('all deleted from the table %s are found', (table) => {
    expect(outcomeOf(`DELETE FROM ${table}`)).toBe('detected');
  });

  it.each([
    ['the last entries', 'DELETE FROM entry WHERE position > 1107'],
    [
      'the last entry, with its end row moved up',
      `DELETE FROM entry WHERE position = ${LAST}`,
      `UPDATE entry SET position = ${LAST} WHERE position = ${LAST + 1}`,
    ],
    ['the first entries', 'DELETE FROM entry WHERE position < 1103'],
    ['the first records', 'DELETE FROM record_session WHERE key < 100'],
    ['the last records', 'DELETE FROM record_session WHERE key > 100'],
  ])('a table that lost %s is found', (_, ...statements) => {
    expect(outcomeOf(...statements)).toBe('detected');
  });

  it.each([
    ['an entry behind the last', `INSERT INTO entry SELECT ${LAST + 2}, term, kind, data, checksum FROM entry WHERE position = ${LAST}`],
    [
      'an entry in the place of the end row',
      `INSERT OR REPLACE INTO entry SELECT ${LAST + 1}, term, kind, data, checksum FROM entry WHERE position = ${LAST}`,
    ],
    ['an entry over another', 'INSERT OR REPLACE INTO entry SELECT 1104, term, kind, data, checksum FROM entry WHERE position = 1103'],
    ['a record under another key', 'INSERT INTO record_job SELECT 77, value, checksum FROM record_job WHERE key = 9'],
    ['a record of another kind', 'INSERT INTO record_session SELECT 77, value, checksum FROM record_job WHERE key = 9'],
    ['a record of another kind, under its own key', 'INSERT OR REPLACE INTO record_session SELECT * FROM record_job WHERE key = 0'],
    ['a row of meta over another', 'INSERT OR REPLACE INTO meta SELECT 1, value, checksum FROM meta WHERE id = 3'],
    ['a row of meta under a new number', 'INSERT INTO meta SELECT 5, value, checksum FROM meta WHERE id = 3'],
  ])('a copy is found: %s', (_, statement) => {
    expect(outcomeOf(statement)).toBe('detected');
  });

  it.each([
    ['entry', 'position', 1103, 1104],
    ['entry', 'position', LAST, LAST + 1],
    ['meta', 'id', 1, 3],
    ['record_job', 'key', 1, 9],
    ['record_session', 'key', 0, 798],
  ])('two swapped ones of the table %s are found', (table, key, a, b) => {
    const move = (from: number, to: number): string => `UPDATE ${table} SET ${key} = ${to} WHERE ${key} = ${from}`;
    expect(outcomeOf(move(a, 9999), move(b, a), move(9999, b))).toBe('detected');
  });

  it.each(Object.keys(TABLES))('a table %s that is gone is found', (table) => {
    expect(tampered((db) => db.exec(`DROP TABLE ${table}`))).toBe('detected');
  });

  it.each(Object.keys(TABLES))('a table %s under another name is found', (table) => {
    expect(tampered((db) => db.exec(`ALTER TABLE ${table} RENAME TO "${table}x"`))).toBe('detected');
  });

  it.each([1, 16_384, 40_000])('a file without its last %i bytes is found', (bytesLost) => {
    const content = readFileSync(pristine);
    writeFileSync(file, content.subarray(0, content.length - bytesLost));
    expect(start()).toBe('detected');
  });
});

it('a file that a tool switched from WAL mode is sound, and is switched back', () => {
  const db = new Database(file);
  db.pragma('journal_mode = DELETE');
  db.close();
  expect(start()).toBe('intact');
});
