import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { aHardState, anEntry, appendOf, aSnapshot, bytes, entriesUpTo, JOB, KINDS, put, recordsOf } from './storage-fixtures.ts';

const openOn = (disk: MemoryDisk): NodeStorage => openMemoryStorage({ disk, recordKinds: KINDS });
const withCode = (code: string): unknown => expect.objectContaining({ code });

describe('a crash of a memory disk', () => {
  it('keeps everything that was synced', () => {
    const disk = new MemoryDisk();
    openOn(disk).persist({ hardState: aHardState(3, 1), append: appendOf(entriesUpTo(1, 4)) });
    disk.crash();
    expect(openOn(disk).load()).toMatchObject({ hardState: { term: 3, votedFor: 1 }, entries: { length: 4 } });
  });

  it('takes the disk away from the node that used it', () => {
    const disk = new MemoryDisk();
    const dead = openOn(disk);
    disk.crash();
    const storage = openOn(disk);
    expect(() => dead.persist({ hardState: aHardState(9) })).toThrow(withCode('STORAGE_FAILED'));
    dead[Symbol.dispose]();
    storage.persist({ hardState: aHardState(2) });
    expect(() => openOn(disk)).toThrow(withCode('STORAGE_IN_USE'));
  });

  it('loses unsynced writes, except for a prefix: later writes never survive earlier ones', () => {
    for (const kept of [0, 1, 2, 3]) {
      const disk = new MemoryDisk();
      const storage = openOn(disk);
      storage.persist({ append: appendOf(entriesUpTo(1, 2)) });
      disk.isSynced = false;
      storage.persist({ append: appendOf(entriesUpTo(3, 4)) });
      storage.persist({ append: appendOf([anEntry(4, { term: 2 })]), hardState: aHardState(2) });
      storage.persist({ append: appendOf([anEntry(5, { term: 2 })]) });
      expect(storage.load().entries).toHaveLength(5);
      expect(disk.unsyncedWrites).toBe(3);
      disk.crash(kept);
      const state = openOn(disk).load();
      expect(state.entries).toHaveLength([2, 4, 4, 5][kept] ?? 0);
      expect(state.hardState.term).toBe(kept >= 2 ? 2 : 0);
      expect(disk.unsyncedWrites).toBe(0);
    }
  });

  it('loses nothing that was written before a sync', () => {
    const disk = new MemoryDisk();
    disk.isSynced = false;
    const storage = openOn(disk);
    storage.persist({ append: appendOf(entriesUpTo(1, 2)) });
    disk.sync();
    storage.persist({ append: appendOf(entriesUpTo(3, 4)) });
    disk.isSynced = true;
    storage.persist({ append: appendOf(entriesUpTo(5, 6)) });
    disk.isSynced = false;
    storage.persist({ append: appendOf(entriesUpTo(7, 8)) });
    disk.crash();
    expect(openOn(disk).load().entries).toStrictEqual(entriesUpTo(1, 6));
  });

  it('keeps or loses an installed snapshot whole', () => {
    for (const kept of [0, 1, 2]) {
      const disk = new MemoryDisk();
      const storage = openOn(disk);
      storage.persist({ append: appendOf(entriesUpTo(1, 3)), checkpoint: { snapshot: aSnapshot(2), changes: [put(JOB, 1, bytes(1))] } });
      disk.isSynced = false;
      storage.stageSnapshot(0, [put(JOB, 5, bytes(5))]);
      storage.installSnapshot(aSnapshot(9, 3), aHardState(3));
      disk.crash(kept);
      const after = openOn(disk);
      expect(after.load().checkpoint?.index).toBe(kept === 2 ? 9 : 2);
      expect(after.load().entries).toHaveLength(kept === 2 ? 0 : 3);
      expect(recordsOf(after, JOB)).toStrictEqual(kept === 2 ? [[5, bytes(5)]] : [[1, bytes(1)]]);
    }
  });
});

describe('a planned failure', () => {
  it.each([false, true])('fails one write whole, and all that follow until a restart (survives: %s)', (survives) => {
    const disk = new MemoryDisk();
    const storage = openOn(disk);
    disk.failNextWrite('STORAGE_FULL', survives);
    expect(() => storage.persist({ hardState: aHardState(2), append: appendOf(entriesUpTo(1, 1)) })).toThrow(withCode('STORAGE_FULL'));
    expect(() => storage.persist({ hardState: aHardState(3) })).toThrow(withCode('STORAGE_FAILED'));
    disk.crash();
    const state = openOn(disk).load();
    expect(state).toMatchObject(survives ? { hardState: { term: 2 }, entries: { length: 1 } } : { hardState: { term: 0 }, entries: [] });
  });

  it('can be a stall, which is reported to the simulator', () => {
    const disk = new MemoryDisk();
    const stalls: number[] = [];
    const storage = openMemoryStorage({ disk, recordKinds: KINDS, onStall: (durationMs) => stalls.push(durationMs) });
    disk.stallNextWrite(750);
    storage.persist({ hardState: aHardState(1) });
    storage.persist({ hardState: aHardState(2) });
    expect(stalls).toEqual([750]);
  });
});

describe('a flipped bit', () => {
  const written = (): MemoryDisk => {
    const disk = new MemoryDisk();
    using storage = openOn(disk);
    const changes = [put(JOB, 1, bytes(1, 2)), put(1, 2, bytes())];
    storage.persist({ hardState: aHardState(3, 1), append: appendOf([anEntry(1, { data: bytes() }), anEntry(2), anEntry(3)]) });
    storage.persist({ checkpoint: { snapshot: aSnapshot(2), changes }, compactTo: anEntry(1).index });
    return disk;
  };
  const readEverything = (disk: MemoryDisk): void => {
    using storage = openOn(disk);
    storage.load();
    for (const kind of KINDS.keys()) recordsOf(storage, kind);
  };

  it('in any row is detected when the node starts', () => {
    const names = [...written().rows()];
    expect(names).toHaveLength(8);
    for (const name of names) {
      for (const bit of [0, 5, 13, 100]) {
        const disk = written();
        readEverything(disk);
        expect(disk.flipBit(name, bit)).toBe(true);
        expect(() => readEverything(disk), JSON.stringify(name)).toThrow(withCode('STORAGE_DAMAGED'));
        expect(disk.flipBit(name, bit)).toBe(true);
        readEverything(disk);
      }
    }
    expect(written().flipBit({ type: 'entry', index: 99 }, 0)).toBe(false);
  });

  it('does not reach the bytes that the log in memory shares with the disk', () => {
    const disk = new MemoryDisk();
    const entry = anEntry(1, { data: bytes(1, 2, 3) });
    openOn(disk).persist({ append: appendOf([entry]) });
    disk.flipBit({ type: 'entry', index: 1 }, 3);
    expect(entry.data).toStrictEqual(bytes(1, 2, 3));
  });
});
