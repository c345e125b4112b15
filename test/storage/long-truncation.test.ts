import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { type FileStorage, openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { anEntry, appendOf, DISK, entriesUpTo, KINDS, pattern } from './storage-fixtures.ts';

const ROWS_MAX = 2048;
const MIB = 1024 * 1024;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-truncation-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const openFile = (): FileStorage =>
  openSqliteStorage({ file: join(directory, 'a.db'), recordKinds: KINDS, durability: 'off', newDiskId: DISK });

/** The rows of the log in the file, and the bytes of its entries. */
function logInFile(): readonly [rows: number, bytes: number] {
  const db = new Database(join(directory, 'a.db'), { readonly: true });
  try {
    return db.prepare<[], [number, number]>('SELECT count(*), sum(length(data)) FROM entry').raw().get() ?? [0, 0];
  } finally {
    db.close();
  }
}

/** Deletes one part of the log from `from` on. @returns whether more is to be deleted. */
function deletePart(storage: FileStorage, from: number): boolean {
  const start = storage.truncationStart(asIndex(from));
  storage.persist({ append: { from: start, entries: [] } });
  return start > from;
}

describe('a long suffix of the log', () => {
  it('is deleted in parts of a bounded number of rows', () => {
    using storage = openFile();
    storage.persist({ append: appendOf(entriesUpTo(1, 5000)) });
    let [rows] = logInFile();
    for (let parts = 0; deletePart(storage, 101); parts += 1) {
      expect(parts).toBeLessThan(10);
      const [left] = logInFile();
      expect(rows - left).toBe(ROWS_MAX);
      rows = left;
    }
    expect(logInFile()[0]).toBe(101);
    expect(storage.load().entries).toEqual(entriesUpTo(1, 100));
  });

  it('is deleted in parts of a bounded number of bytes, but at least one entry', () => {
    using storage = openFile();
    const large = Array.from({ length: 12 }, (_, at) => anEntry(at + 1, { kind: 'noop', data: pattern(at === 5 ? 6 * MIB : MIB) }));
    storage.persist({ append: appendOf(large) });
    const sizes = [logInFile()[1]];
    while (deletePart(storage, 3) && sizes.length < 20) sizes.push(logInFile()[1]);
    sizes.push(logInFile()[1]);
    // Four of the last six, two behind the largest, that one alone, and the rest.
    expect(sizes.slice(1).map((bytes, at) => ((sizes[at] ?? 0) - bytes) / MIB)).toEqual([4, 2, 6, 3]);
  });

  it('leaves a whole log behind when the process is killed between two parts', () => {
    const killed = openFile();
    killed.persist({ append: appendOf(entriesUpTo(1, 3000)) });
    expect(deletePart(killed, 11)).toBe(true);
    killed.closeWithoutCheckpoint();
    {
      using storage = openFile();
      const left = entriesUpTo(1, 3000 - ROWS_MAX);
      expect(storage.load().entries).toEqual(left);
      for (let parts = 0; deletePart(storage, 11); parts += 1) expect(parts).toBeLessThan(5);
      storage.persist({ append: appendOf(entriesUpTo(11, 12, 2)) });
    }
    using again = openFile();
    expect(again.load().entries).toEqual([...entriesUpTo(1, 10), ...entriesUpTo(11, 12, 2)]);
  });

  it('is none where nothing or little is to be deleted', () => {
    using storage = openFile();
    storage.persist({ append: appendOf(entriesUpTo(1, 50)) });
    expect([1, 20, 50, 51].map((from) => storage.truncationStart(asIndex(from)))).toEqual([1, 20, 50, 51]);
  });
});
