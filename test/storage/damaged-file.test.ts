import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { moveDamagedAside } from '../../src/storage/damaged-file.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { aHardState, appendOf, entriesUpTo, KINDS } from './storage-fixtures.ts';
import { StorageFolder } from './storage-folder.ts';

describe('a damaged file', () => {
  const folder = new StorageFolder();
  const open = (newDiskId: number): NodeStorage =>
    openSqliteStorage({ file: folder.file, recordKinds: KINDS, durability: 'full', newDiskId });

  it('is moved aside whole, and in its place a node starts as another disk', () => {
    {
      using storage = open(11);
      storage.persist({ hardState: aHardState(5, 1), append: appendOf(entriesUpTo(1, 3)) });
    }
    const content = readFileSync(folder.file);
    writeFileSync(`${folder.file}-wal`, 'what a crash left');
    writeFileSync(`${folder.file}-shm`, 'its index');
    const aside = moveDamagedAside(folder.file);
    expect(aside).toMatch(/jobraft\.db\.damaged-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/);
    expect(readFileSync(aside)).toEqual(content);
    expect(readFileSync(`${aside}-wal`, 'utf8')).toBe('what a crash left');
    expect(readFileSync(`${aside}-shm`, 'utf8')).toBe('its index');
    expect([folder.file, `${folder.file}-wal`, `${folder.file}-shm`].filter((path) => existsSync(path))).toEqual([]);
    using storage = open(22);
    expect(storage.load()).toMatchObject({ disk: 22, hardState: { term: 0 }, entries: [] });
  });

  it('is not moved while a node has it open', () => {
    using storage = open(11);
    expect(() => moveDamagedAside(folder.file)).toThrow(expect.objectContaining({ code: 'STORAGE_IN_USE' }));
    storage.persist({ hardState: aHardState(1) });
  });

  it('gets a name of its own each time, so that nothing is ever overwritten', () => {
    const names = [1, 2, 3].map((life) => {
      writeFileSync(folder.file, `life ${life}`);
      return moveDamagedAside(folder.file);
    });
    expect(new Set(names).size).toBe(3);
    expect(names.map((name) => readFileSync(name, 'utf8'))).toEqual(['life 1', 'life 2', 'life 3']);
  });

  it('may be only a log whose database is gone', () => {
    writeFileSync(`${folder.file}-wal`, 'left');
    const aside = moveDamagedAside(folder.file);
    expect(readFileSync(`${aside}-wal`, 'utf8')).toBe('left');
    expect(readdirSync(folder.path)).not.toContain('jobraft.db-wal');
  });

  it('keeps its id permanently, whatever id the node proposes', () => {
    open(11)[Symbol.dispose]();
    {
      using storage = open(99);
      expect(storage.load().disk).toBe(11);
      storage.stageSnapshot(0, []);
    }
    using storage = open(99);
    expect(storage.load().disk).toBe(11);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('cannot be made with the id %d', (id) => {
    expect(() => open(id)).toThrow(/safe integer/);
    expect(existsSync(folder.file)).toBe(false);
  });
});
