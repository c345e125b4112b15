import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { counterOf, makeGeneration, raisedGeneration } from '../../src/base/generation.ts';
import type { FileClaims } from '../../src/storage/file-origin.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import { RowChecksum } from '../../src/storage/row-checksum.ts';
import { type FileStorage, openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { appendOf, DISK, entriesUpTo, KINDS } from './storage-fixtures.ts';

function aFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-origin-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'jobraft.db');
}

const open = (file: string, claims: FileClaims = {}): FileStorage =>
  openSqliteStorage({ file, recordKinds: KINDS, durability: 'full', newDiskId: DISK, ...claims });
const withCode = (code: string, message: RegExp): unknown => expect.objectContaining({ code, message: expect.stringMatching(message) });

const OURS = { cluster: 4711, founders: [{ node: 1, disk: DISK }] };
const THEIRS = { cluster: 815, founders: [{ node: 1, disk: 9 }] };

/** Rewrites a file of version 3 as version 2 would have left it. */
function asVersion2(file: string): void {
  const db = new Database(file);
  const identity = new ByteWriter();
  identity.f64(2);
  identity.f64(DISK);
  const value = identity.copy();
  db.prepare('UPDATE meta SET value = ?, checksum = ? WHERE id = 4').run(value, new RowChecksum().meta(4, value));
  db.pragma('user_version = 2');
  db.close();
}

describe('the cluster that a file belongs to', () => {
  it('is the one that it was created for, permanently', () => {
    const file = aFile();
    open(file, { origin: OURS })[Symbol.dispose]();
    using storage = open(file);
    expect(storage.identity).toMatchObject({ disk: DISK, origin: OURS });
  });

  it('is checked before anything is written', () => {
    const file = aFile();
    open(file, { origin: THEIRS, life: 3 })[Symbol.dispose]();
    const before = readFileSync(file);
    expect(() => open(file, { origin: OURS, life: 4 })).toThrow(
      withCode('STORAGE_FOREIGN', /belongs to another cluster \(its id is 815, that of this data folder is 4711\)\. Nothing was changed/),
    );
    // Except for SQLite's counters in the header.
    expect(readFileSync(file).subarray(100).equals(before.subarray(100))).toBe(true);
  });

  it('is assigned to a file of version 2 by the first opening', () => {
    const file = aFile();
    {
      using storage = open(file);
      storage.persist({ append: appendOf(entriesUpTo(1, 5)) });
    }
    asVersion2(file);
    {
      using storage = open(file, { origin: OURS, life: 7 });
      expect(storage.load()).toMatchObject({ disk: DISK, entries: { length: 5 } });
      expect(storage.identity.origin).toMatchObject(OURS);
    }
    expect(() => open(file, { origin: THEIRS })).toThrow(withCode('STORAGE_FOREIGN', /another cluster/));
  });
});

describe.each([
  [
    'SQLite',
    () => {
      const file = aFile();
      return (life?: number) => open(file, life === undefined ? {} : { life });
    },
  ],
  [
    'memory',
    () => {
      const disk = new MemoryDisk(DISK);
      return (life?: number) => openMemoryStorage({ recordKinds: KINDS, disk, ...(life === undefined ? {} : { life }) });
    },
  ],
])('the generation of a file in %s', (_, make) => {
  it('is raised by each opening, and by what is persisted', () => {
    const openWith = make();
    const counters: number[] = [];
    for (const life of [5, 6]) {
      using storage = openWith(life);
      const { generation } = storage.load();
      const raised = raisedGeneration(generation);
      counters.push(counterOf(generation), counterOf(raised));
      storage.persist({ append: appendOf(entriesUpTo(1, 3)), generation: raised });
      expect(storage.load()).toMatchObject({ generation: raised, entries: { length: 3 } });
      expect(raised).toBe(makeGeneration(counterOf(raised), life));
    }
    expect(counters).toEqual([1, 65, 66, 130]);
  });

  it('is none where a power cut may take it back', () => {
    const openWith = make();
    openWith(5)[Symbol.dispose]();
    using storage = openWith();
    expect(storage.load().generation).toBe(0);
  });
});

describe('a file that was restored from an older copy', () => {
  it('is rejected once a later generation of its disk is on record, and changed by nothing', () => {
    const file = aFile();
    open(file, { life: 5 })[Symbol.dispose]();
    const recorded = (counter: number) => [{ disk: DISK, generation: makeGeneration(counter, 9) }];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(() => open(file, { life: 6, recorded: recorded(2) })).toThrow(
        withCode('STORAGE_ROLLED_BACK', /restored from an older copy: it is in generation 1, and the cluster has recorded generation 2\./),
      );
    }
    using storage = open(file, { life: 6, recorded: recorded(1) });
    expect(counterOf(storage.load().generation)).toBe(2);
  });

  it('is distinguished from another disk of the node, which has its own generations', () => {
    const file = aFile();
    open(file, { life: 5 })[Symbol.dispose]();
    using storage = open(file, { life: 6, recorded: [{ disk: DISK + 1, generation: makeGeneration(100, 9) }] });
    expect(storage.load().disk).toBe(DISK);
  });
});
