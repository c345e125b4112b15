import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { type EncryptionKeys, newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import { BackupReader } from '../../src/storage/backup-reader.ts';
import { surveyFile } from '../../src/storage/file-survey.ts';
import { kindTag, RowChecksum } from '../../src/storage/row-checksum.ts';
import { type FileStorage, openSqliteStorage, type SqliteStorageOptions } from '../../src/storage/sqlite-storage.ts';
import {
  aHardState,
  anEntry,
  appendOf,
  aSnapshot,
  DISK,
  entriesUpTo,
  gone,
  JOB,
  KINDS,
  put,
  readAll,
  recordsOf,
  SESSION,
} from './storage-fixtures.ts';
import { StorageFolder } from './storage-folder.ts';

const folder = new StorageFolder();
const [OLD, NEW]: EncryptionKeys[] = [[newEncryptionKey()], [newEncryptionKey()]];
const SECRET = 'a-payload-that-no-file-may-show';
const secret = (bytes: number): Uint8Array => new TextEncoder().encode(SECRET.repeat(Math.ceil(bytes / SECRET.length)));

const open = (keys: EncryptionKeys | undefined, options: Partial<SqliteStorageOptions> = {}): FileStorage =>
  openSqliteStorage({ file: folder.file, recordKinds: KINDS, durability: 'off', newDiskId: DISK, keys, ...options });

/** Entries, records of both kinds, kept entries, dead rows and free pages, all of them with the secret. */
function fill(storage: FileStorage): void {
  const entries = Array.from({ length: 40 }, (_, at) => anEntry(at + 1, { data: secret(at % 8 === 0 ? 20_000 : 100) }));
  storage.persist({ hardState: aHardState(3, 2), append: appendOf(entries) });
  const changes = Array.from({ length: 30 }, (_, at) => put(at % 2 === 0 ? JOB : SESSION, at, secret(at * 200)));
  storage.persist({ checkpoint: { snapshot: aSnapshot(20), changes } });
  storage.persist({ checkpoint: { snapshot: aSnapshot(21), changes: [gone(JOB, 28), gone(SESSION, 29)] }, compactTo: asIndex(10) });
}

/** Values as digests, which are compared faster. */
const digest = (value: Uint8Array): string => createHash('sha256').update(value).digest('base64');

const contents = (storage: FileStorage) => {
  const { entries, generation: _, ...state } = storage.load();
  return {
    state,
    entries: entries.map(({ data, ...entry }) => ({ ...entry, data: digest(data) })),
    jobs: recordsOf(storage, JOB).map(([key, value]) => [key, digest(value)]),
    sessions: recordsOf(storage, SESSION).map(([key, value]) => [key, digest(value)]),
  };
};

/** The files of the folder that show the secret. */
const filesWithSecret = (): string[] => readdirSync(folder.path).filter((name) => readFileSync(join(folder.path, name)).includes(SECRET));

const keyMissing = expect.objectContaining({ code: 'STORAGE_KEY_MISSING', outcome: 'not-applied' });
const damaged = expect.objectContaining({ code: 'STORAGE_DAMAGED' });

describe('an encrypted file', () => {
  it('shows no value, neither itself nor its WAL, and has all of them for its key', () => {
    let expected: ReturnType<typeof contents>;
    {
      using storage = open(OLD);
      fill(storage);
      expected = contents(storage);
      expect(filesWithSecret()).toEqual([]);
    }
    expect(filesWithSecret()).toEqual([]);
    using storage = open(OLD);
    expect(contents(storage)).toEqual(expected);
    expect(storage.identity.encryptionKey).toBe(OLD?.[0].id);
    expect(storage.readRecord(JOB, 4)).toEqual(secret(800));
  });

  it('is rejected without keys and with others, after a kill as well, and stays as it is', () => {
    const storage = open(OLD, { life: 1 });
    fill(storage);
    storage.closeWithoutCheckpoint();
    const before = [readFileSync(folder.file), readFileSync(`${folder.file}-wal`)].map(digest);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      for (const keys of [undefined, NEW]) {
        expect(() => open(keys, { life: 2 })).toThrow(keyMissing);
        expect(() => surveyFile(folder.file, keys)).toThrow(keyMissing);
      }
    }
    expect(() => open(NEW)).toThrow(new RegExp(`encrypted with the key ${OLD?.[0].id}, and the keys that were given are ${NEW?.[0].id}`));
    expect([readFileSync(folder.file), readFileSync(`${folder.file}-wal`)].map(digest)).toEqual(before);
    expect(surveyFile(folder.file, OLD)?.last).toEqual({ index: 40, term: 1 });
    using again = open(OLD, { life: 3 });
    expect(again.load().entries).toHaveLength(30);
  });

  it.each(['read in place', 'with the checksum of what was written'])(
    'detects a flipped bit and a row in the place of another, %s',
    (how) => {
      {
        using storage = open(OLD);
        fill(storage);
      }
      const pristine = readFileSync(folder.file);
      const sum = how !== 'read in place';
      const damage = (change: (db: Database.Database) => void): void => {
        writeFileSync(folder.file, pristine);
        const db = new Database(folder.file);
        change(db);
        db.close();
      };
      const read = (): void => {
        using storage = open(OLD);
        contents(storage);
      };
      read();
      const sums = new RowChecksum();
      const setRecord = (db: Database.Database, key: number, value: Buffer): void => {
        const checksum = sums.record(kindTag('job'), key, value);
        db.prepare(`UPDATE record_job SET value = ?${sum ? `, checksum = ${checksum}` : ''} WHERE key = ?`).run(value, key);
      };
      const jobOf = (db: Database.Database, key: number): Buffer =>
        db.prepare<[number], Buffer>('SELECT value FROM record_job WHERE key = ?').pluck().get(key) ?? Buffer.alloc(0);
      for (const at of [0, 1, 9, 25, 28, 29, 200, -1]) {
        damage((db) => {
          const value = jobOf(db, 4);
          const place = at < 0 ? value.length + at : at;
          value.writeUInt8(value.readUInt8(place) ^ 16, place);
          setRecord(db, 4, value);
        });
        expect(read, `byte ${at}`).toThrow(damaged);
      }
      damage((db) => setRecord(db, 4, jobOf(db, 6)));
      expect(read, 'a record of another key').toThrow(damaged);
      damage((db) => setRecord(db, 4, Buffer.alloc(0)));
      expect(read, 'no value').toThrow(damaged);
      damage((db) => {
        const data = db.prepare<[], Buffer>('SELECT data FROM entry WHERE position = 31').pluck().get() ?? Buffer.alloc(0);
        db.prepare(`UPDATE entry SET data = ?${sum ? `, checksum = ${sums.entry(32, 1, 2, data)}` : ''} WHERE position = 32`).run(data);
      });
      expect(read, 'an entry of another index').toThrow(damaged);
      damage((db) => {
        const value = db.prepare<[], Buffer>('SELECT value FROM meta WHERE id = 3').pluck().get() ?? Buffer.alloc(0);
        db.prepare(`UPDATE meta SET value = ?${sum ? `, checksum = ${sums.meta(1, value)}` : ''} WHERE id = 1`).run(value);
      });
      expect(read, 'a row of meta in the place of another').toThrow(damaged);
    },
  );

  it('is rejected by a release that does not know encryption, and is not called damaged', () => {
    open(OLD)[Symbol.dispose]();
    const db = new Database(folder.file, { readonly: true });
    // Releases before compare it with 3.
    expect(db.pragma('user_version', { simple: true })).toBe(4);
    db.close();
  });
});

describe('a file that is opened with keys', () => {
  it('and was not encrypted is rewritten: no value is left in it, its free pages or its WAL, and nothing else has changed', () => {
    let expected: ReturnType<typeof contents>;
    {
      using storage = open(undefined, { life: 1 });
      fill(storage);
    }
    {
      const storage = open(undefined, { life: 2 });
      storage.persist({ append: appendOf([anEntry(41, { data: secret(100) })]) });
      expected = contents(storage);
      // After a kill the latest values are in the WAL.
      storage.closeWithoutCheckpoint();
    }
    expect(filesWithSecret()).toEqual(['jobraft.db', 'jobraft.db-segment-1', 'jobraft.db-wal']);
    {
      using storage = open(OLD, { life: 3 });
      expect(contents(storage)).toEqual(expected);
      expect(filesWithSecret()).toEqual([]);
      storage.persist({ append: appendOf(entriesUpTo(42, 60)) });
    }
    expect(filesWithSecret()).toEqual([]);
    expect(readdirSync(folder.path).filter((name) => name.endsWith('.rewriting'))).toEqual([]);
    expect(() => open(undefined)).toThrow(keyMissing);
  });

  it('and was encrypted with another one is rewritten, so that the other key is not needed any more', () => {
    let expected: ReturnType<typeof contents>;
    {
      using storage = open(OLD);
      fill(storage);
      expected = contents(storage);
    }
    if (OLD === undefined || NEW === undefined) throw new Error('the keys are there');
    {
      using storage = open([NEW[0], OLD[0]]);
      expect(storage.identity.encryptionKey).toBe(NEW[0].id);
      expect(contents(storage)).toEqual(expected);
    }
    // Its key is not the first one: it is rewritten again.
    {
      using storage = open(NEW);
      expect(contents(storage)).toEqual(expected);
    }
    expect(() => open(OLD)).toThrow(keyMissing);
  });

  it('keeps the entries that its checkpoint refers to', () => {
    const entryKind = { entryKind: 'session' };
    const entries = [anEntry(1, { data: secret(20_000) }), ...entriesUpTo(2, 30)];
    const referring = {
      checkpoint: { snapshot: aSnapshot(20), changes: [put(SESSION, 1, entries[0]?.data ?? secret(1))] },
      compactTo: asIndex(20),
    };
    for (const before of [undefined, OLD]) {
      const file = join(folder.path, `${before === undefined ? 'plain' : 'encrypted'}.db`);
      {
        using storage = open(before, { ...entryKind, file });
        storage.persist({ append: appendOf(entries) });
        storage.persist(referring);
      }
      using storage = open(NEW, {
        ...entryKind,
        file,
        ...(before === undefined || NEW === undefined ? {} : { keys: [NEW[0], ...before] }),
      });
      storage.load();
      expect(digest(storage.readRecord(SESSION, 1) ?? secret(1))).toBe(digest(secret(20_000)));
      using reader = storage.openCheckpointReader();
      expect(
        readAll(reader, 100_000)
          .flat()
          .map(({ value }) => digest(value)),
      ).toEqual([digest(secret(20_000))]);
      const keys: EncryptionKeys = NEW ?? [newEncryptionKey()];
      using backup = new BackupReader({ file, recordKinds: KINDS, entryKind: 'session', keys });
      expect([...backup.records(1000)].flat().map(({ value }) => digest(value))).toEqual([digest(secret(20_000))]);
      expect([...backup.entries(30, 1_000_000)].flat()).toEqual(entriesUpTo(21, 30));
    }
  });

  it('and is of another cluster, or damaged, is left as it is', () => {
    const origin = (cluster: number) => ({ origin: { cluster, founders: [{ node: 1, disk: DISK }] }, life: 1 });
    const storage = open(undefined, origin(7));
    fill(storage);
    storage.closeWithoutCheckpoint();
    expect(() => open(OLD, origin(8))).toThrow(expect.objectContaining({ code: 'STORAGE_FOREIGN' }));
    {
      using same = open(undefined, origin(7));
      expect(same.load().entries).toHaveLength(30);
    }
    const db = new Database(folder.file);
    db.prepare('UPDATE record_job SET checksum = checksum + 1 WHERE key = 4').run();
    db.close();
    expect(() => open(OLD, origin(7))).toThrow(damaged);
    expect(existsSync(`${folder.file}.rewriting`)).toBe(false);
    // The damaged file is still the one that is not encrypted.
    expect(filesWithSecret()).toContain('jobraft.db');
  });

  it('finishes what a stop in the middle of the rewriting left', () => {
    {
      using storage = open(undefined);
      fill(storage);
    }
    for (const suffix of ['', '-journal', '-wal', '-shm']) writeFileSync(`${folder.file}.rewriting${suffix}`, 'a part of a database');
    using storage = open(OLD);
    expect(storage.load().entries).toHaveLength(30);
    expect(readdirSync(folder.path).filter((name) => name.includes('.rewriting'))).toEqual([]);
  });

  it('is not rewritten while another connection reads it', () => {
    {
      using storage = open(undefined);
      fill(storage);
    }
    const reader = new Database(folder.file, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM entry').get();
    expect(() => open(OLD)).toThrow(expect.objectContaining({ code: 'STORAGE_IN_USE' }));
    reader.close();
    using storage = open(OLD);
    expect(storage.load().entries).toHaveLength(30);
  });
});
