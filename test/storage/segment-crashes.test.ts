import { createHash } from 'node:crypto';
import fs, { closeSync, copyFileSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import type { RecordChange } from '../../src/protocol/record.ts';
import { decodeReference, REFERENCE_FLAG } from '../../src/storage/segment-reference.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { anEntry, appendOf, aSnapshot, DISK, gone, pattern, put, recordsOf } from './storage-fixtures.ts';

const { writeSync: realWrite, fdatasyncSync: realSync } = fs;
/** How many of so many bytes one call writes. */
let written: (bytes: number) => number;
let onSync: () => void;

const KINDS = ['job', 'entry'];
const ENTRY = 1;
const ENTRY_BYTES = 17_000;

let directory: string;
let file: string;
beforeEach(() => {
  written = (bytes) => bytes;
  onSync = () => undefined;
  vi.spyOn(fs, 'writevSync').mockImplementation((descriptor, parts, position) => {
    const whole = Buffer.concat(parts as readonly Uint8Array[]);
    return realWrite(descriptor, whole, 0, written(whole.length), position);
  });
  vi.spyOn(fs, 'fdatasyncSync').mockImplementation((descriptor) => {
    onSync();
    realSync(descriptor);
  });
  syncBuiltinESMExports();
  directory = mkdtempSync(join(tmpdir(), 'jobraft-segments-'));
  file = join(directory, 'jobraft.db');
});
afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  rmSync(directory, { recursive: true, force: true });
});

const open = (path = file, durability: 'full' | 'off' = 'off') =>
  openSqliteStorage({ file: path, recordKinds: KINDS, entryKind: 'entry', durability, newDiskId: DISK, segmentBytes: 4 * ENTRY_BYTES });
const large = (index: number, term = 1) => anEntry(index, { term, data: pattern(ENTRY_BYTES, 100 * term + index) });
type Storage = ReturnType<typeof open>;

/** Data as digests, which are compared faster. */
const contents = (storage: Storage) => ({
  entries: storage.load().entries.map(({ data, ...entry }) => ({ ...entry, data: digest(data) })),
  kept: recordsOf(storage, ENTRY).map(([index, data]) => [index, digest(data)]),
});
const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('base64');

/**
 * The files as a power cut leaves them: in the segments only the bytes that a committed row refers to are certain.
 * @returns what a start finds.
 */
function afterPowerCut() {
  const copy = mkdtempSync(join(directory, 'copy-'));
  const path = join(copy, 'jobraft.db');
  for (const name of readdirSync(directory).filter((name) => /^jobraft\.db(-wal|-segment-\d+)?$/.test(name)))
    copyFileSync(join(directory, name), join(copy, name));
  const db = new Database(path, { readonly: true });
  const references = db.prepare<[], Buffer>(`SELECT data FROM entry WHERE kind & ${REFERENCE_FLAG} AND kind <> 255`).pluck().all();
  db.close();
  for (const name of readdirSync(copy).filter((name) => name.includes('-segment-'))) {
    const size = statSync(join(copy, name)).size;
    const certain = references
      .flatMap((bytes) => decodeReference(bytes) ?? [])
      .filter(({ segment }) => name.endsWith(`-segment-${segment}`));
    const descriptor = openSync(join(copy, name), 'r+');
    for (let at = 0; at < size; at += 1000)
      if (!certain.some(({ offset, length }) => at + 1000 > offset && at < offset + length))
        writeSync(descriptor, Buffer.alloc(Math.min(1000, size - at), 0xee), 0, undefined, at);
    closeSync(descriptor);
  }
  try {
    using storage = open(path);
    return contents(storage);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

describe('a power cut', () => {
  it('in the middle of a turn, or after it, leaves the log and the kept entries of before or after, whatever was reused meanwhile', () => {
    using storage = open();
    let last = 0;
    let compacted = 0;
    const kept: number[] = [];
    for (let turn = 1; turn <= 60; turn += 1) {
      const before = contents(storage);
      // Every seventh turn another leader overwrites the last entry.
      const from = turn % 7 === 0 ? last : last + 1;
      const entries = [from, from + 1].map((index) => (turn % 3 === 0 ? anEntry(index, { term: turn }) : large(index, turn)));
      const covered = Math.max(compacted, from - 3);
      const known = before.entries.find(({ index }) => index === covered);
      const data = storage.load().entries.find(({ index }) => index === covered)?.data;
      const released = kept.length > 12 ? kept.splice((turn * 5) % 12, 1) : [];
      const changes = function* (): Generator<RecordChange> {
        // The segments are written, and the transaction is not committed.
        expect(afterPowerCut()).toEqual(before);
        if (turn % 2 === 0 && data !== undefined) {
          kept.push(covered);
          yield put(ENTRY, covered, data);
        }
        for (const index of released) yield gone(ENTRY, index);
      };
      const snapshot = { ...aSnapshot(covered), term: known?.term ?? aSnapshot(1).term };
      storage.persist({
        append: appendOf(entries),
        ...(covered > compacted ? { checkpoint: { snapshot, changes: changes() }, compactTo: asIndex(covered) } : {}),
      });
      last = from + 1;
      compacted = covered;
      const after = contents(storage);
      expect(after.entries.at(-1)?.data).toBe(digest(entries[1]?.data ?? new Uint8Array()));
      expect(afterPowerCut()).toEqual(after);
    }
    expect(kept.length).toBeGreaterThan(10);
    // About 20 of 80 large entries are kept or in the log, four fit into a segment.
    expect(readdirSync(directory).filter((name) => name.includes('-segment-')).length).toBeLessThan(20);
  });
});

describe('the data of a large entry', () => {
  it('is whole where the system writes it in parts', () => {
    written = (bytes) => Math.min(bytes, 7001);
    {
      using storage = open();
      storage.persist({ append: appendOf([large(1), large(2), anEntry(3), large(4)]) });
      storage.persist({ append: appendOf([large(5)]) });
    }
    using storage = open();
    expect(storage.load().entries).toEqual([large(1), large(2), anEntry(3), large(4), large(5)]);
  });

  it('is synced before the row is there that refers to it', () => {
    using storage = open(file, 'full');
    const rows: unknown[] = [];
    onSync = () => {
      const db = new Database(file, { readonly: true });
      rows.push(db.prepare('SELECT count(*) FROM entry WHERE kind <> 255').pluck().get());
      db.close();
    };
    storage.persist({ append: appendOf([large(1)]) });
    storage.persist({ append: appendOf([large(2)]) });
    expect(rows).toEqual([0, 1]);
  });

  it.each(['ENOSPC', 'EIO'])('that cannot be written or synced, %s, fails the persist whole, and every later one', (code) => {
    const failing = (): never => {
      throw Object.assign(new Error('injected'), { code });
    };
    const expected = expect.objectContaining({ code: code === 'ENOSPC' ? 'STORAGE_FULL' : 'STORAGE_FAILED' });
    for (const isWrite of [true, false]) {
      const path = join(directory, `${isWrite ? 'write' : 'sync'}.db`);
      {
        using storage = open(path, 'full');
        storage.persist({ append: appendOf([large(1)]) });
        if (isWrite) written = failing;
        else onSync = failing;
        expect(() => storage.persist({ append: appendOf([large(2)]) })).toThrow(expected);
        written = (bytes) => bytes;
        onSync = () => undefined;
        expect(() => storage.persist({ append: appendOf([large(2)]) })).toThrow(/restart the node/);
        expect(storage.load().entries).toEqual([large(1)]);
      }
      using storage = open(path, 'full');
      storage.persist({ append: appendOf([large(2, 3)]) });
      expect(storage.load().entries).toEqual([large(1), large(2, 3)]);
    }
  });
});
