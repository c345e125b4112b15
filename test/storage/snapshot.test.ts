import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { InvariantViolation } from '../../src/base/invariant.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import {
  aHardState,
  anEntry,
  appendOf,
  aSnapshot,
  bare,
  bytes,
  DISK,
  entriesUpTo,
  JOB,
  KINDS,
  pattern,
  put,
  readAll,
  recordsOf,
  SESSION,
} from './storage-fixtures.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-snapshot-'));
  file = join(directory, 'jobraft.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const openAt = (path: string, readerWalBytesMax?: number): NodeStorage =>
  openSqliteStorage({
    file: path,
    recordKinds: KINDS,
    durability: 'full',
    newDiskId: DISK,
    ...(readerWalBytesMax === undefined ? {} : { readerWalBytesMax }),
  });

/** The state that a node finds after a start: all of it, so that a mixture of two states equals neither. */
function found(path: string): unknown {
  using storage = openAt(path);
  const { checkpoint, ...state } = storage.load();
  return { checkpoint, ...state, records: [...KINDS.keys()].map((kind) => recordsOf(storage, kind)) };
}

describe('a snapshot that a crash interrupts', () => {
  const held = Array.from({ length: 30 }, (_, key) => put(JOB, key, pattern(900, key)));
  const arriving = [
    Array.from({ length: 20 }, (_, key) => put(JOB, key * 2, pattern(2000, key + 50))),
    [put(JOB, 100, pattern(40_000)), put(SESSION, 1, pattern(30))],
    Array.from({ length: 25 }, (_, key) => put(SESSION, key + 2, pattern(1500, key))),
  ];
  const begin = (storage: NodeStorage): void =>
    storage.persist({
      hardState: aHardState(2, 1),
      append: appendOf(entriesUpTo(1, 9, 2)),
      checkpoint: { snapshot: aSnapshot(5, 2), changes: held },
      compactTo: asIndex(3),
    });

  /** The files as a power cut would leave them now, the WAL cut off after some of its bytes. */
  function crashed(name: string, walBytes = Number.POSITIVE_INFINITY): string {
    const copy = join(directory, name);
    mkdirSync(copy, { recursive: true });
    copyFileSync(file, join(copy, 'jobraft.db'));
    writeFileSync(join(copy, 'jobraft.db-wal'), readFileSync(`${file}-wal`).subarray(0, walBytes));
    return join(copy, 'jobraft.db');
  }

  it('leaves the old state at every point before the installation, and the new one after it: never a mixture', () => {
    using storage = openAt(file);
    begin(storage);
    const before = found(crashed('before'));
    for (const [chunk, records] of arriving.entries()) {
      storage.stageSnapshot(chunk, records);
      expect(found(crashed(`staged-${chunk}`))).toStrictEqual(before);
    }
    const walBytes = statSync(`${file}-wal`).size;
    storage.installSnapshot(aSnapshot(40, 6), aHardState(6, 3));
    const after = found(crashed('installed'));
    expect(after).toMatchObject({ checkpoint: { index: 40 }, compacted: { index: 40 }, entries: [], hardState: { term: 6 }, disk: DISK });
    expect(after).toMatchObject({ records: [{ length: 21 }, { length: 26 }] });

    // Within the one transaction that installs it, page by page.
    const end = statSync(`${file}-wal`).size;
    const frameBytes = 16_384 + 24;
    let cuts = 0;
    for (let cut = walBytes; cut < end; cut += frameBytes / 4) {
      expect(found(crashed(`cut-${cut}`, cut)), `cut at ${cut} of ${end}`).toStrictEqual(before);
      cuts += 1;
    }
    expect(cuts).toBeGreaterThan(8);
    expect(found(crashed('whole', end))).toStrictEqual(after);
  });

  it('leaves nothing behind that a start does not clean up, and can begin again', () => {
    using storage = openAt(file);
    begin(storage);
    storage.stageSnapshot(0, arriving[0] ?? []);
    storage.stageSnapshot(1, arriving[1] ?? []);
    const path = crashed('staged');
    {
      using again = openAt(path);
      const db = new Database(path, { readonly: true });
      expect(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'staged%'").pluck().get()).toBe(0);
      db.close();
      expect(() => again.stageSnapshot(1, [])).toThrow(InvariantViolation);
    }
    using again = openAt(path);
    for (const [chunk, records] of arriving.entries()) again.stageSnapshot(chunk, records);
    again.installSnapshot(aSnapshot(40, 6), aHardState(6, 3));
    expect(recordsOf(again, SESSION)).toHaveLength(26);
  });
});

describe('the tables that a snapshot replaces', () => {
  const RECORDS = 5_000;
  const leftOver = (path: string): number => {
    const db = new Database(path, { readonly: true });
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'staged%'").pluck().all();
    const rows = tables.map((table) =>
      Number(
        db
          .prepare(`SELECT count(*) FROM "${String(table)}"`)
          .pluck()
          .get(),
      ),
    );
    db.close();
    return tables.length === 0 ? -1 : rows.reduce((sum, count) => sum + count, 0);
  };
  const replaceAll = (storage: NodeStorage): void => {
    const changes = Array.from({ length: RECORDS }, (_, key) => put(JOB, key, pattern(100, key)));
    storage.persist({ append: appendOf(entriesUpTo(1, 5)), checkpoint: { snapshot: aSnapshot(5), changes } });
    storage.stageSnapshot(0, [put(JOB, 7, bytes(7))]);
    storage.installSnapshot(aSnapshot(40, 6), aHardState(6, 3));
  };

  it('are deleted a little in each of the next transactions', () => {
    using storage = openAt(file);
    replaceAll(storage);
    const left = [leftOver(file)];
    for (let index = 41; index < 60 && left.at(-1) !== -1; index += 1) {
      storage.persist({ append: appendOf([anEntry(index, { term: 6 })]) });
      left.push(leftOver(file));
    }
    expect(left[0]).toBe(RECORDS);
    expect(left.at(-1)).toBe(-1);
    expect(left.length).toBeGreaterThan(4);
    expect(recordsOf(storage, JOB)).toHaveLength(1);
  });

  it('are deleted by a start at the latest', () => {
    using storage = openAt(file);
    replaceAll(storage);
    storage.persist({ append: appendOf([anEntry(41, { term: 6 })]) });
    expect(leftOver(file)).toBeGreaterThan(0);
    const copy = join(directory, 'copy.db');
    copyFileSync(file, copy);
    copyFileSync(`${file}-wal`, `${copy}-wal`);
    using again = openAt(copy);
    expect(leftOver(copy)).toBe(-1);
    expect(again.load()).toMatchObject({ checkpoint: { index: 40 }, entries: [{ index: 41 }] });
    expect(recordsOf(again, JOB)).toHaveLength(1);
  });
});

it('a snapshot given up again and again takes no more space than one', () => {
  using storage = openAt(file);
  const stageOne = (): number => {
    for (let chunk = 0; chunk < 4; chunk += 1) {
      storage.stageSnapshot(
        chunk,
        Array.from({ length: 20 }, (_, at) => put(JOB, chunk * 20 + at, pattern(30_000, at))),
      );
    }
    const db = new Database(file, { readonly: true });
    const pages = Number(db.pragma('page_count', { simple: true }));
    db.close();
    return pages;
  };
  const first = stageOne();
  for (let round = 0; round < 5; round += 1) expect(stageOne()).toBeLessThanOrEqual(first + 2);
});

describe('a checkpoint reader that is open for long', () => {
  const MEBIBYTE = 1024 * 1024;
  let storage: NodeStorage;
  let index: number;
  const walBytes = (): number => statSync(`${file}-wal`).size;
  const persistEntry = (size: number): void => {
    index += 1;
    // A command of this size would be in a segment.
    storage.persist({ append: appendOf([anEntry(index, { kind: 'noop', data: pattern(size, index) })]) });
  };
  /** Writes a checkpoint, so that an open reader reads an older one. */
  const moveCheckpoint = (): void => {
    persistEntry(10);
    storage.persist({ checkpoint: { snapshot: aSnapshot(index), changes: [] } });
  };
  beforeEach(() => {
    storage = openAt(file, 8 * MEBIBYTE);
    index = 4;
    const changes = Array.from({ length: 300 }, (_, key) => put(JOB, key, pattern(500, key)));
    storage.persist({ append: appendOf(entriesUpTo(1, 4)), checkpoint: { snapshot: aSnapshot(4), changes } });
  });
  afterEach(() => storage[Symbol.dispose]());

  it('expires before the WAL outgrows its limit, and the node goes on', () => {
    const reader = storage.openCheckpointReader();
    const idle = storage.openCheckpointReader();
    expect(reader.read(1000)).toHaveLength(1);
    moveCheckpoint();
    for (let written = 0; written < 32 && !reader.isExpired; written += 1) persistEntry(MEBIBYTE);
    expect(reader.isExpired).toBe(true);
    expect(idle.isExpired).toBe(true);
    expect(walBytes()).toBeGreaterThan(8 * MEBIBYTE);
    expect(() => reader.read(1000)).toThrow(/after it expired/);
    const grown = walBytes();
    for (let written = 0; written < 32; written += 1) persistEntry(MEBIBYTE);
    // The first commit without the reader is still appended to the WAL; then the WAL starts over.
    expect(walBytes()).toBeLessThanOrEqual(grown + 2 * MEBIBYTE);
    expect(storage.load().entries).toHaveLength(index);
    expect(recordsOf(storage, JOB)).toHaveLength(300);
    reader[Symbol.dispose]();
  });

  it('may take twice as much the next time, so that a large snapshot completes in the end', () => {
    const persistedUntilExpiry: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      using reader = storage.openCheckpointReader();
      reader.read(1000);
      moveCheckpoint();
      let written = 0;
      for (; !reader.isExpired && written < 100; written += 1) persistEntry(MEBIBYTE);
      persistedUntilExpiry.push(written);
      // The WAL starts over.
      persistEntry(10);
    }
    const [first = 0, second = 0, third = 0] = persistedUntilExpiry;
    expect(first).toBeLessThan(10);
    expect(second).toBeGreaterThan(1.5 * first);
    expect(third).toBeGreaterThan(1.5 * second);

    // A snapshot that completes resets the limit.
    using whole = storage.openCheckpointReader();
    expect(readAll(whole).flat()).toHaveLength(300);
    whole[Symbol.dispose]();
    persistEntry(10);
    using next = storage.openCheckpointReader();
    moveCheckpoint();
    let written = 0;
    for (; !next.isExpired && written < 100; written += 1) persistEntry(MEBIBYTE);
    expect(written).toBeLessThan(10);
  });

  it('gives the disk back what the WAL grew by', () => {
    storage[Symbol.dispose]();
    storage = openAt(file, 64 * MEBIBYTE);
    using reader = storage.openCheckpointReader();
    reader.read(1000);
    moveCheckpoint();
    for (let written = 0; written < 24; written += 1) persistEntry(MEBIBYTE);
    expect(walBytes()).toBeGreaterThan(24 * MEBIBYTE);
    expect(readAll(reader).flat().map(bare)).toHaveLength(299);
    reader[Symbol.dispose]();
    for (let written = 0; written < 8; written += 1) persistEntry(MEBIBYTE);
    expect(walBytes()).toBeLessThanOrEqual(16 * MEBIBYTE);
  });

  it('goes on, and the WAL starts over, whatever is written while the checkpoint stays the same', () => {
    const reader = storage.openCheckpointReader();
    const other = storage.openCheckpointReader();
    const read = [...(reader.read(1000) ?? [])];
    for (let written = 0; written < 20; written += 1) {
      persistEntry(MEBIBYTE);
      read.push(...(reader.read(1000) ?? []));
    }
    expect(reader.isExpired || other.isExpired).toBe(false);
    expect(walBytes()).toBeLessThan(8 * MEBIBYTE);
    read.push(...readAll(reader).flat());
    expect(read.map(bare)).toStrictEqual(Array.from({ length: 300 }, (_, key) => put(JOB, key, pattern(500, key))));
    expect(readAll(other).flat()).toHaveLength(300);
    reader[Symbol.dispose]();
    other[Symbol.dispose]();
  });

  it('does not expire while little is written', () => {
    using reader = storage.openCheckpointReader();
    for (let written = 0; written < 100; written += 1) persistEntry(10);
    expect(reader.isExpired).toBe(false);
    expect(readAll(reader).flat().map(bare)).toStrictEqual(Array.from({ length: 300 }, (_, key) => put(JOB, key, pattern(500, key))));
  });
});

it('a record of a damaged checkpoint is not sent', () => {
  {
    using storage = openAt(file);
    storage.persist({
      append: appendOf(entriesUpTo(1, 2)),
      checkpoint: { snapshot: aSnapshot(2), changes: [put(JOB, 1, bytes(1)), put(JOB, 2, bytes(2))] },
    });
  }
  const db = new Database(file);
  db.prepare("UPDATE record_job SET value = x'03' WHERE key = 2").run();
  db.close();
  using storage = openAt(file);
  using reader = storage.openCheckpointReader();
  expect(reader.read(1)?.map(bare)).toStrictEqual([put(JOB, 1, bytes(1))]);
  expect(() => reader.read(1)).toThrow(
    expect.objectContaining({ code: 'STORAGE_DAMAGED', message: expect.stringMatching(/record 2 of the kind "job"/) }),
  );
});
