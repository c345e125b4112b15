import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { asIndex } from '../../src/base/ids.ts';
import type { StorageErrorCode } from '../../src/storage/errors.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { RowChecksum } from '../../src/storage/row-checksum.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { buildStorage, runScript } from './built-storage.ts';
import {
  aHardState,
  anEntry,
  appendOf,
  aSnapshot,
  bytes,
  DISK,
  entriesUpTo,
  JOB,
  KINDS,
  pattern,
  put,
  readAll,
  recordsOf,
} from './storage-fixtures.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-sqlite-'));
  file = join(directory, 'jobraft.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (options: { readonly fileBytesMax?: number; readonly recordKinds?: readonly string[] } = {}): NodeStorage =>
  openSqliteStorage({ file, recordKinds: KINDS, durability: 'full', newDiskId: DISK, ...options });

/** A node that ran and stopped gracefully, with data in every table. */
function writeSomething(): void {
  using storage = open();
  const changes = [put(JOB, 1, pattern(50)), put(JOB, 2, pattern(9000, 2)), put(JOB, 3, bytes(3))];
  storage.persist({ hardState: aHardState(4, 2), append: appendOf(entriesUpTo(1, 9, 4)) });
  storage.persist({ checkpoint: { snapshot: aSnapshot(6, 4), changes }, compactTo: asIndex(2) });
}

/** Changes the closed file without the storage. */
function tamper(...statements: readonly string[]): void {
  const db = new Database(file);
  for (const statement of statements) expect(db.prepare(statement).run().changes).toBeGreaterThan(0);
  db.close();
}

const withCode = (code: StorageErrorCode, message = /./): unknown =>
  expect.objectContaining({
    code,
    outcome: code === 'STORAGE_IN_USE' ? 'not-applied' : 'unknown',
    message: expect.stringMatching(message),
  });
const REBUILT = /a majority of nodes is sound, .* rebuilt from its peers automatically; `repair`/;

/** Reads everything that a node reads when it starts. */
function start(): void {
  using storage = open();
  storage.load();
  for (const kind of KINDS.keys()) recordsOf(storage, kind);
}

describe('damage in a stored row is found when the node starts', () => {
  const flipFirstByte = (column: string): string => `${column} = CAST(char(unicode(substr(CAST(${column} AS TEXT), 1, 1)) + 1) AS BLOB)`;
  it.each<[string, string, RegExp]>([
    ['the bytes of an entry', "UPDATE entry SET data = x'0507' WHERE position = 4", /entry 4 of the log does not match/],
    ['the term of an entry', 'UPDATE entry SET term = 5 WHERE position = 9', /entry 9 of the log does not match/],
    ['the kind of an entry', 'UPDATE entry SET kind = 0 WHERE position = 3', /entry 3 of the log does not match/],
    ['an unknown kind of entry', 'UPDATE entry SET kind = 200 WHERE position = 3', /entry 3 of the log does not match/],
    ['the checksum of an entry', 'UPDATE entry SET checksum = checksum + 1 WHERE position = 5', /entry 5 of the log does not match/],
    ['the position of an entry', 'UPDATE entry SET position = 1000 WHERE position = 9', /entry 1000 of the log does not match/],
    ['a missing entry', 'DELETE FROM entry WHERE position = 5', /entry 5 of the log is missing, and entry 6 follows/],
    ['a record', "UPDATE record_job SET value = x'02' WHERE key = 3", /record 3 of the kind "job" does not match/],
    ['a key', 'UPDATE record_job SET key = 7 WHERE key = 3', /record 7 of the kind "job" does not match/],
    ['a missing record', 'DELETE FROM record_job WHERE key = 2', /3 records of the kind "job", and 2 were found/],
    [
      'a record in the wrong table',
      'INSERT INTO record_session SELECT * FROM record_job WHERE key = 1',
      /record 1 of the kind "session" does not match/,
    ],
    ['the hard state', `UPDATE meta SET value = zeroblob(16) WHERE id = 1`, /row 1 \(hard state\) of the table "meta"/],
    ['the checkpoint', `UPDATE meta SET value = substr(value, 2) WHERE id = 2`, /row 2 \(checkpoint\) of the table "meta"/],
    ['the compacted entry', `UPDATE meta SET ${flipFirstByte('value')} WHERE id = 3`, /row 3 \(compacted\) of the table "meta"/],
    ['a row that lost its name', 'UPDATE meta SET id = 9 WHERE id = 1', /row 9 \(unknown\) of the table "meta"/],
  ])('%s', (_, statement, message) => {
    writeSomething();
    start();
    tamper(statement);
    expect(start).toThrow(withCode('STORAGE_DAMAGED', message));
    expect(start).toThrow(withCode('STORAGE_DAMAGED', REBUILT));
    expect(start).toThrow(withCode('STORAGE_DAMAGED', /jobraft\.db/));
  });

  it('and when a record is read for a job or for a snapshot', () => {
    writeSomething();
    tamper("UPDATE record_job SET value = x'02' WHERE key = 3");
    using storage = open();
    expect(storage.readRecord(JOB, 1)).toStrictEqual(pattern(50));
    expect(() => storage.readRecord(JOB, 3)).toThrow(withCode('STORAGE_DAMAGED', /record 3/));
    using reader = storage.openCheckpointReader();
    expect(() => readAll(reader)).toThrow(withCode('STORAGE_DAMAGED', /record 3/));
  });

  it('and a reader notices records that are missing', () => {
    writeSomething();
    tamper('DELETE FROM record_job WHERE key = 3');
    using storage = open();
    using reader = storage.openCheckpointReader();
    expect(() => readAll(reader)).toThrow(withCode('STORAGE_DAMAGED', /3 records of the kind "job", and 2 were found/));
  });
});

describe('a file that is not a node of this version', () => {
  it('is rejected when it is no database', () => {
    writeFileSync(file, 'this is a text and by no means a database, however long it may be\n'.repeat(100));
    expect(open).toThrow(withCode('STORAGE_DAMAGED', REBUILT));
  });

  it('is rejected when it is a database of another program', () => {
    const db = new Database(file);
    db.exec('CREATE TABLE customer (name TEXT)');
    db.close();
    expect(open).toThrow(withCode('STORAGE_DAMAGED', /not one of jobraft/));
  });

  it('is rejected when a newer version wrote it', () => {
    writeSomething();
    const db = new Database(file);
    const identity = new ByteWriter();
    identity.f64(7);
    identity.f64(DISK);
    const row = { value: identity.copy(), checksum: new RowChecksum().meta(4, identity.copy()) };
    db.prepare('UPDATE meta SET value = @value, checksum = @checksum WHERE id = 4').run(row);
    db.pragma('user_version = 7');
    db.close();
    expect(open).toThrow(withCode('STORAGE_SCHEMA', /newer version of jobraft \(schema 7; this one knows 6\)\. Install that version/));
  });

  it('is rejected when it holds records of a kind that this version does not know', () => {
    writeSomething();
    expect(() => open({ recordKinds: ['session'] })).toThrow(withCode('STORAGE_SCHEMA', /kind "job"/));
  });

  it('is accepted when this version knows more kinds, in any order', () => {
    writeSomething();
    using storage = open({ recordKinds: ['group', 'session', 'job'] });
    expect(recordsOf(storage, 2)).toHaveLength(3);
    expect(recordsOf(storage, 0)).toEqual([]);
    storage.persist({ checkpoint: { snapshot: aSnapshot(7, 4), changes: [put(0, 1, bytes(1))] } });
    expect(recordsOf(storage, 0)).toHaveLength(1);
  });

  it('cannot be created where a file is in the place of its directory', () => {
    writeFileSync(join(directory, 'node-1'), '');
    file = join(directory, 'node-1', 'jobraft.db');
    expect(open).toThrow(withCode('STORAGE_FAILED', /Check .* the directory/));
  });
});

describe('a disk that is full', () => {
  // Only the data of commands is in segments.
  it.each([
    [true, 'noop'],
    [false, 'noop'],
    [true, 'command'],
    [false, 'command'],
  ] as const)(
    'fails the persist whole, rejects further ones, and is usable again once there is space (with a term: %s, a large %s)',
    (isTermed, kind) => {
      const large = (index: number) => ({ append: appendOf([anEntry(index, { kind, data: pattern(200_000, index) })]) });
      let written = 0;
      {
        using storage = open({ fileBytesMax: 2_000_000 });
        const fill = (): void => {
          for (let index = 1; index < 50; index += 1) {
            storage.persist({ ...large(index), ...(isTermed ? { hardState: aHardState(index) } : {}) });
            written = index;
          }
        };
        expect(fill).toThrow(withCode('STORAGE_FULL', /Free space on the disk/));
        expect(written).toBeGreaterThan(3);
        expect(() => storage.persist({ hardState: aHardState(99) })).toThrow(withCode('STORAGE_FAILED', /restart the node/));
        expect(storage.load().entries).toHaveLength(written);
      }
      using storage = open();
      const state = storage.load();
      expect(state.hardState.term).toBe(isTermed ? written : 0);
      expect(state.entries).toHaveLength(written);
      storage.persist(large(written + 1));
    },
  );
});

describe('a write-ahead log that an unclean stop left behind', () => {
  /** The files as a power cut would leave them: a copy made while the node runs. */
  function crashCopy(name: string, work: (storage: NodeStorage) => void): string {
    const copy = join(directory, name);
    mkdirSync(copy);
    using storage = open();
    work(storage);
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, join(copy, `jobraft.db${suffix}`));
    file = join(copy, 'jobraft.db');
    return `${file}-wal`;
  }
  const persistTen = (storage: NodeStorage): void => {
    for (let index = 1; index <= 10; index += 1) storage.persist({ append: appendOf([anEntry(index)]) });
  };
  const flipBitAt = (path: string, at: number): void => {
    const content = readFileSync(path);
    content[at] = (content[at] ?? 0) ^ 4;
    writeFileSync(path, content);
  };
  const loaded = (): number => {
    using storage = open();
    return storage.load().entries.length;
  };

  it('gives back everything', () => {
    crashCopy('copy', persistTen);
    expect(loaded()).toBe(10);
  });

  it('is damaged when a bit flipped in a transaction that others follow: SQLite alone would drop them all', () => {
    const wal = crashCopy('copy', persistTen);
    flipBitAt(wal, Math.floor(statSync(wal).size / 2));
    const db = new Database(file, { readonly: true });
    expect(db.prepare('SELECT count(*) FROM entry').pluck().get()).toBeLessThan(9);
    db.close();
    expect(loaded).toThrow(
      withCode('STORAGE_DAMAGED', /jobraft\.db-wal is damaged: frame \d+ does not match .* whole transactions follow/),
    );
  });

  it('with one bit flipped anywhere is found to be damaged, or loses its last transaction and nothing else', () => {
    const wal = crashCopy('copy', persistTen);
    const files = ['', '-wal'].map((suffix) => [file + suffix, readFileSync(file + suffix)] as const);
    const size = statSync(wal).size;
    const outcomes = new Map<string, number>();
    for (let at = 0; at < size; at += 1 + (at % 24) * 137) {
      for (const [path, content] of files) writeFileSync(path, content);
      flipBitAt(wal, at);
      let outcome = 'damaged';
      try {
        outcome = `${loaded()} entries`;
      } catch (error) {
        expect(error, `byte ${at}`).toMatchObject({ code: 'STORAGE_DAMAGED' });
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(['9 entries', 'damaged']);
    expect(outcomes.get('damaged')).toBeGreaterThan(80);
  });

  it('is damaged when a bit flipped in its header', () => {
    const wal = crashCopy('copy', persistTen);
    flipBitAt(wal, 17);
    expect(loaded).toThrow(withCode('STORAGE_DAMAGED', /header/));
  });

  it('loses a torn last transaction, which was never acknowledged, and nothing before it', () => {
    const wal = crashCopy('copy', persistTen);
    truncateSync(wal, statSync(wal).size - 100);
    expect(loaded()).toBe(9);
  });

  it('loses a torn last transaction of many pages, whichever of them is missing', () => {
    const last = { append: appendOf([anEntry(11, { kind: 'noop', data: pattern(300_000) })]) };
    let before = 0;
    const wal = crashCopy('copy', (storage) => {
      persistTen(storage);
      before = statSync(`${file}-wal`).size;
      storage.persist(last);
    });
    flipBitAt(wal, before + 20_000);
    expect(loaded()).toBe(10);
  });

  it('is clean again after a start: the remains of two crashes do not count as damage', () => {
    /** Damages the first page of a transaction's data and leaves its later ones, as a power cut may. */
    const tear = (wal: string, data: Uint8Array): void => flipBitAt(wal, readFileSync(wal).indexOf(data.subarray(0, 64)));
    const longer = pattern(300_000, 3);
    const shorter = pattern(100_000, 5);
    const wal = crashCopy('first', (storage) => {
      persistTen(storage);
      storage.persist({ append: appendOf([anEntry(11, { kind: 'noop', data: longer })]) });
    });
    tear(wal, longer);
    const next = crashCopy('second', (storage) => storage.persist({ append: appendOf([anEntry(11, { kind: 'noop', data: shorter })]) }));
    tear(next, shorter);
    expect(loaded()).toBe(10);
  });

  it('starts over in the same blocks instead of growing', () => {
    using storage = open();
    let index = 0;
    const writeMebibytes = (count: number): number => {
      for (let written = 0; written < count; written += 1) {
        index += 1;
        storage.persist({ append: appendOf([anEntry(index, { kind: 'noop', data: pattern(1_048_576, index) })]) });
      }
      return statSync(`${file}-wal`).size;
    };
    const after = writeMebibytes(16);
    // Less than one entry: sometimes its end row is on a page of its own.
    expect(writeMebibytes(16)).toBeLessThan(after + 500_000);
  });
});

it('gives back the space of a snapshot that a stop left in the middle', () => {
  writeSomething();
  {
    using storage = open();
    storage.stageSnapshot(0, [put(JOB, 1, pattern(100_000))]);
  }
  open()[Symbol.dispose]();
  const db = new Database(file);
  expect(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'staged%'").pluck().get()).toBe(0);
  db.close();
  start();
});

it('deletes a bounded part of a compacted log in each turn, until all of it is deleted', () => {
  const rows = (): number => {
    const db = new Database(file, { readonly: true });
    const count = Number(db.prepare('SELECT count(*) FROM entry').pluck().get());
    db.close();
    return count;
  };
  using storage = open();
  storage.persist({ append: appendOf(entriesUpTo(1, 6000)) });
  storage.persist({ checkpoint: { snapshot: aSnapshot(5990), changes: [] }, compactTo: asIndex(5990) });
  expect(rows()).toBeGreaterThan(4000);
  const left: number[] = [];
  for (let term = 1; term <= 8; term += 1) {
    storage.persist({ hardState: aHardState(term) });
    left.push(rows());
  }
  expect(left[0]).toBeGreaterThan(3000);
  // Ten entries and the end row.
  expect(left.at(-1)).toBe(11);
});

describe('a file in use', () => {
  const holdOpen = (module: string): string => `
    import { openSqliteStorage } from ${JSON.stringify(pathToFileURL(module).href)};
    const storage = openSqliteStorage({ file: ${JSON.stringify(file)}, recordKinds: ['job', 'session'], durability: 'full', newDiskId: 1 });`;

  it('by another process is rejected, and free as soon as that one was killed', async () => {
    const child = runScript(
      directory,
      `${holdOpen(buildStorage(directory))} console.log('open'); setInterval(() => storage.load(), 1000);`,
    );
    for await (const line of child.lines) {
      expect(line).toBe('open');
      break;
    }
    expect(open).toThrow(
      withCode(
        'STORAGE_IN_USE',
        /jobraft\.db is in use by another node.* Several processes share a cluster when all of them open it with openCluster\(\); .* close it first/,
      ),
    );
    await child.kill();
    open()[Symbol.dispose]();
  });

  it('by another thread of this process is rejected, and free as soon as that one has ended', async () => {
    const script = join(directory, 'thread.js');
    writeFileSync(
      script,
      `import { parentPort } from 'node:worker_threads'; ${holdOpen(buildStorage(directory))} parentPort.on('message', () => storage.load()); parentPort.postMessage('open');`,
    );
    const thread = new Worker(script);
    const failed = new Promise<never>((_, reject) => thread.once('error', reject));
    await Promise.race([new Promise((resolve) => thread.once('message', resolve)), failed]);
    expect(open).toThrow(withCode('STORAGE_IN_USE'));
    await thread.terminate();
    open()[Symbol.dispose]();
  });
});

describe('a process that is killed while it writes', () => {
  it('loses nothing that was acknowledged', async () => {
    const module = pathToFileURL(buildStorage(directory)).href;
    const child = runScript(
      directory,
      `import { openSqliteStorage } from ${JSON.stringify(module)};
      const storage = openSqliteStorage({ file: ${JSON.stringify(file)}, recordKinds: ['job', 'session'], durability: 'full', newDiskId: 1 });
      const configuration = { voters: [1], outgoing: [], learners: [], joining: [], leaving: [], disks: [] };
      for (let index = 1; index < 100_000; index += 1) {
        const data = new Uint8Array((index * 977) % 20_000).fill(index);
        const batch = { hardState: { term: index, votedFor: 1 }, append: { from: index, entries: [{ index, term: index, kind: 'command', data }] } };
        const changes = [{ kind: 0, key: index, value: data }];
        storage.persist(index % 10 ? batch : { ...batch, checkpoint: { snapshot: { index, term: index, configuration }, changes }, compactTo: index - 5 });
        // writeSync would fail when the reader is slow and the pipe is full; this waits in the event loop.
        await new Promise((resolve) => process.stdout.write(index + '\\n', resolve));
      }`,
    );
    let acknowledged = 0;
    for await (const line of child.lines) {
      acknowledged = Number(line);
      if (acknowledged === 400) void child.kill();
    }
    await child.kill();
    expect(acknowledged).toBeGreaterThanOrEqual(400);
    using storage = open();
    const state = storage.load();
    const last = state.entries.at(-1)?.index ?? 0;
    expect(last).toBeGreaterThanOrEqual(acknowledged);
    expect(state.hardState).toStrictEqual(aHardState(last, 1));
    expect(state.checkpoint?.index).toBe(last - (last % 10));
    expect(recordsOf(storage, JOB)).toHaveLength(Math.floor(last / 10));
  });
});
