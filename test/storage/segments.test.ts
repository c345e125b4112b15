import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import { BackupReader } from '../../src/storage/backup-reader.ts';
import { moveDamagedAside } from '../../src/storage/damaged-file.ts';
import { openSqliteStorage, type SqliteStorageOptions } from '../../src/storage/sqlite-storage.ts';
import { anEntry, appendOf, aSnapshot, DISK, gone, pattern, put, recordsOf } from './storage-fixtures.ts';

const KINDS = ['job', 'entry'];
const JOB = 0;
const ENTRY = 1;
const KIBIBYTE = 1024;
const ENTRY_BYTES = 32 * KIBIBYTE;
/** Sixteen entries. */
const SEGMENT_BYTES = 512 * KIBIBYTE;

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-segments-'));
  file = join(directory, 'jobraft.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (options: Partial<SqliteStorageOptions> = {}) =>
  openSqliteStorage({
    file,
    recordKinds: KINDS,
    entryKind: 'entry',
    durability: 'off',
    newDiskId: DISK,
    segmentBytes: SEGMENT_BYTES,
    ...options,
  });
const large = (index: number, size = 100_000) => anEntry(index, { data: pattern(size, index) });
const segments = (): string[] => readdirSync(directory).filter((name) => name.includes('-segment-'));
const userVersion = (): unknown => {
  const db = new Database(file, { readonly: true });
  try {
    return db.pragma('user_version', { simple: true });
  } finally {
    db.close();
  }
};

/** Appends entries, one a turn, and compacts the log behind the last two. @param kept by the checkpoint. */
function run(storage: ReturnType<typeof open>, from: number, to: number, kept: (index: number) => boolean = () => false): void {
  for (let index = from; index <= to; index += 1) {
    storage.persist({ append: appendOf([large(index, ENTRY_BYTES)]) });
    const covered = index - 2;
    if (covered < from) continue;
    const changes = kept(covered) ? [put(ENTRY, covered, large(covered, ENTRY_BYTES).data)] : [put(JOB, 1, pattern(10, index))];
    storage.persist({ checkpoint: { snapshot: aSnapshot(covered), changes }, compactTo: asIndex(covered) });
  }
}

describe('a large entry', () => {
  it('is written once, beside the file, and is there after a start; small ones and the file stay what they were', () => {
    {
      using storage = open();
      storage.persist({ append: appendOf([anEntry(1), anEntry(2, { data: pattern(16_383) })]) });
      expect([segments(), userVersion()]).toEqual([[], 3]);
      storage.persist({ append: appendOf([large(3), anEntry(4), large(5)]) });
      expect(userVersion()).toBe(5);
    }
    expect(segments()).toEqual(['jobraft.db-segment-1']);
    expect(statSync(file).size).toBeLessThan(100_000);
    expect(readFileSync(join(directory, 'jobraft.db-segment-1')).includes(Buffer.from(large(5).data))).toBe(true);
    using storage = open();
    expect(storage.load().entries).toEqual([anEntry(1), anEntry(2, { data: pattern(16_383) }), large(3), anEntry(4), large(5)]);
  });

  it('that is overwritten by another leader is gone, and the other one is there', () => {
    {
      using storage = open();
      storage.persist({ append: appendOf([1, 2, 3].map((index) => large(index))) });
      storage.persist({ append: appendOf([anEntry(2, { term: 2, data: pattern(50_000, 9) })]) });
    }
    using storage = open();
    expect(storage.load().entries).toEqual([large(1), anEntry(2, { term: 2, data: pattern(50_000, 9) })]);
  });

  it.each<[string, (path: string) => void, RegExp]>([
    [
      'a flipped bit',
      (path) => {
        const bytes = readFileSync(path);
        const descriptor = openSync(path, 'r+');
        writeSync(descriptor, Uint8Array.of((bytes[150_000] ?? 0) ^ 4), 0, 1, 150_000);
        closeSync(descriptor);
      },
      /entry 2 of the log does not match its checksum in the segment 1/,
    ],
    [
      'a segment that is cut off',
      (path) => truncateSync(path, 150_000),
      /its segment 1 has 150000 bytes, and entries are stored up to 200000/,
    ],
    ['a segment that is missing', (path) => rmSync(path), /its segment 1 has 0 bytes, and entries are stored up to 200000/],
  ])('with %s is damaged, and never served', (_what, damage, message) => {
    {
      using storage = open();
      storage.persist({ append: appendOf([large(1), large(2)]) });
    }
    damage(join(directory, 'jobraft.db-segment-1'));
    const load = (): void => {
      using storage = open();
      storage.load();
    };
    expect(load).toThrow(expect.objectContaining({ code: 'STORAGE_DAMAGED', message: expect.stringMatching(message) }));
  });

  it('with a flipped bit in its row is damaged', () => {
    {
      using storage = open();
      storage.persist({ append: appendOf([large(1)]) });
    }
    const db = new Database(file);
    db.prepare("UPDATE entry SET data = x'00000001000000010000000100000001' WHERE position = 1").run();
    db.close();
    expect(() => open()).toThrow(
      expect.objectContaining({ code: 'STORAGE_DAMAGED', message: expect.stringContaining('entry 1 of the log') }),
    );
  });

  it('is not stored beyond what the disk has, and the error says so', () => {
    using storage = open({ fileBytesMax: 2000 * KIBIBYTE });
    storage.persist({ append: appendOf([large(1, 1000 * KIBIBYTE)]) });
    expect(() => storage.persist({ append: appendOf([large(2, 1500 * KIBIBYTE)]) })).toThrow(
      expect.objectContaining({ code: 'STORAGE_FULL' }),
    );
  });

  it('is moved aside with a damaged file', () => {
    {
      using storage = open();
      storage.persist({ append: appendOf([large(1)]) });
    }
    const aside = moveDamagedAside(file);
    expect(segments()).toEqual([expect.stringContaining('.damaged-')]);
    expect(existsSync(`${aside}-segment-1`)).toBe(true);
    using storage = open();
    expect(storage.load().entries).toEqual([]);
  });

  it('is encrypted, and is in the file itself once that is rewritten for another key', () => {
    const [key, next] = [newEncryptionKey(), newEncryptionKey()];
    {
      using storage = open({ keys: [key] });
      storage.persist({ append: appendOf([large(1)]) });
      expect(userVersion()).toBe(6);
    }
    expect(readFileSync(join(directory, segments()[0] ?? '')).includes(Buffer.from(large(1).data.subarray(0, 64)))).toBe(false);
    using storage = open({ keys: [next, key] });
    expect(storage.load().entries).toEqual([large(1)]);
    expect([segments(), userVersion()]).toEqual([[], 4]);
  });
});

it('a segment that an interrupted rewriting with another key left is removed by the next start, and never read', () => {
  open()[Symbol.dispose]();
  writeFileSync(join(directory, 'jobraft.db-segment-7'), 'a value that was not encrypted');
  using storage = open();
  expect(storage.load().entries).toEqual([]);
  expect(segments()).toEqual([]);
  storage.persist({ append: appendOf([large(1)]) });
  expect(storage.load().entries).toEqual([large(1)]);
});

it.skipIf(process.platform === 'win32')('a segment has the permissions of the file', () => {
  using storage = open();
  chmodSync(file, 0o640);
  storage.persist({ append: appendOf([large(1)]) });
  expect(statSync(join(directory, 'jobraft.db-segment-1')).mode & 0o777).toBe(0o640);
});

describe('the space of large entries', () => {
  it('is given back where an entry was larger than a segment', () => {
    using storage = open();
    const sizes = (): number[] => segments().map((name) => statSync(join(directory, name)).size);
    storage.persist({ append: appendOf([large(1), large(2, 3 * SEGMENT_BYTES), large(3)]) });
    expect(sizes()).toContain(3 * SEGMENT_BYTES);
    expect(storage.load().entries[1]).toEqual(large(2, 3 * SEGMENT_BYTES));
    storage.persist({ append: appendOf([anEntry(4)]), checkpoint: { snapshot: aSnapshot(4), changes: [] }, compactTo: asIndex(4) });
    expect(Math.max(0, ...sizes())).toBeLessThanOrEqual(SEGMENT_BYTES);
    run(storage, 5, 20);
    expect(storage.load().entries.map(({ index }) => index)).toEqual([19, 20]);
  });

  it('is used again once nothing refers to it', () => {
    using storage = open();
    run(storage, 1, 200);
    expect(segments().length).toBeLessThan(6);
    expect(storage.load().entries.map(({ index }) => index)).toEqual([199, 200]);
  });

  it('is used again after a start, which finds what is free', () => {
    {
      using storage = open();
      run(storage, 1, 100);
    }
    const before = segments().length;
    using storage = open();
    storage.load();
    run(storage, 101, 200);
    expect(segments().length).toBeLessThanOrEqual(before + 1);
  });

  it('is used again although each segment has one entry left: these are written again', () => {
    const isKept = (index: number): boolean => index % 16 === 0;
    {
      using storage = open();
      run(storage, 1, 600, isKept);
      // 37 entries.
      expect(segments().length).toBeLessThan(20);
    }
    using storage = open();
    storage.load();
    expect(recordsOf(storage, ENTRY).map(([key]) => key)).toEqual(
      Array.from({ length: 598 }, (_, at) => at + 1).filter((index) => isKept(index)),
    );
    for (const [key, value] of recordsOf(storage, ENTRY)) expect(value).toEqual(large(Number(key), ENTRY_BYTES).data);
  });

  it('is used again when the checkpoint releases its entries', () => {
    using storage = open();
    run(storage, 1, 100, () => true);
    const changes = Array.from({ length: 98 }, (_, at) => gone(ENTRY, at + 1));
    storage.persist({ append: appendOf([anEntry(101)]) });
    storage.persist({ checkpoint: { snapshot: aSnapshot(101), changes }, compactTo: asIndex(101) });
    const before = segments().length;
    run(storage, 102, 160);
    expect(segments().length).toBeLessThanOrEqual(before);
  });

  it('stays as it is while a backup reads an older view of it, also when the file is closed and opened again', () => {
    const first = open();
    run(first, 1, 40);
    using backup = new BackupReader({ file, recordKinds: KINDS, entryKind: 'entry', keys: undefined });
    // The view has the last two.
    run(first, 41, 60);
    first.closeWithoutCheckpoint();
    using storage = open();
    storage.load();
    run(storage, 61, 160);
    expect([...backup.entries(40, 1000)].flat()).toEqual([39, 40].map((index) => large(index, ENTRY_BYTES)));
  });

  it('stays bounded while a snapshot is read for long: its reader takes a newer view, or expires', () => {
    using storage = open({ readerWalBytesMax: 8_000_000 });
    run(storage, 1, 20);
    using reader = storage.openCheckpointReader();
    using other = storage.openCheckpointReader();
    reader.read(1);
    for (let index = 21; index <= 300; index += 1) {
      // The checkpoint stays the same, and each entry overwrites the one before it.
      storage.persist({ append: { from: asIndex(20), entries: [large(20, ENTRY_BYTES)] } });
    }
    expect([reader.isExpired, other.isExpired]).toEqual([false, false]);
    expect(segments().length).toBeLessThan(20);
    run(storage, 21, 600);
    expect([reader.isExpired, other.isExpired]).toEqual([true, true]);
    expect(segments().length).toBeLessThan(40);
  });

  it('stays as it is while a snapshot or a backup reads an older view of it', () => {
    using storage = open({ readerWalBytesMax: 1_000_000_000 });
    run(storage, 1, 20, () => true);
    using reader = storage.openCheckpointReader();
    using backup = new BackupReader({ file, recordKinds: KINDS, entryKind: 'entry', keys: undefined });
    const changes = Array.from({ length: 18 }, (_, at) => gone(ENTRY, at + 1));
    storage.persist({ append: appendOf([anEntry(21)]) });
    storage.persist({ checkpoint: { snapshot: aSnapshot(21), changes }, compactTo: asIndex(21) });
    run(storage, 22, 120);
    const read: Uint8Array[] = [];
    for (let records = reader.read(100_000); records !== undefined; records = reader.read(100_000))
      read.push(...records.filter(({ kind }) => kind === ENTRY).map(({ value }) => value));
    const backedUp = [...backup.records(100_000)].flat().filter(({ kind }) => kind === ENTRY);
    const expected = Array.from({ length: 18 }, (_, at) => large(at + 1, ENTRY_BYTES).data);
    expect(read).toEqual(expected);
    expect(backedUp.map(({ value }) => value)).toEqual(expected);
    const held = segments().length;
    reader[Symbol.dispose]();
    backup[Symbol.dispose]();
    run(storage, 121, 240);
    expect(segments().length).toBeLessThan(held);
  });
});
