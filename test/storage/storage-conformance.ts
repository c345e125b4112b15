import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { InvariantViolation } from '../../src/base/invariant.ts';
import type { NodeStorage, PersistBatch } from '../../src/storage/port.ts';
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
  pattern,
  put,
  recordsOf,
  SESSION,
  type TestDisk,
} from './storage-fixtures.ts';

/** The requirements of every NodeStorage, whatever its adapter. */
export function describeNodeStorage(name: string, makeDisk: () => TestDisk): void {
  describe(`${name} as a node's storage`, () => {
    let disk: TestDisk;
    let storage: NodeStorage;
    beforeEach(() => {
      disk = makeDisk();
      storage = disk.open();
    });
    afterEach(() => {
      storage[Symbol.dispose]();
      disk.discard();
    });
    const restart = (): NodeStorage => {
      storage[Symbol.dispose]();
      storage = disk.open();
      return storage;
    };
    /** Persists each batch in turn. */
    const persistAll = (...batches: PersistBatch[]): void => {
      for (const batch of batches) storage.persist(batch);
    };

    describe('a node that never wrote', () => {
      it('starts in term zero, without a vote, a log or a checkpoint', () => {
        const compacted = { index: 0, term: 0 };
        const nothing = { hardState: aHardState(0), checkpoint: undefined, compacted, entries: [], disk: DISK, generation: 0 };
        expect(storage.load()).toStrictEqual(nothing);
        expect(restart().load()).toStrictEqual(nothing);
        expect(recordsOf(storage, JOB)).toEqual([]);
        expect(storage.readRecord(JOB, 1)).toBeUndefined();
      });
    });

    describe('term and vote (Raft Figure 2)', () => {
      it('come back after a restart', () => {
        storage.persist({ hardState: aHardState(7, 3) });
        expect(restart().load().hardState).toStrictEqual(aHardState(7, 3));
      });

      it('can clear a vote in a newer term', () => {
        persistAll({ hardState: aHardState(7, 3) }, { hardState: aHardState(8) });
        expect(restart().load().hardState).toStrictEqual(aHardState(8));
      });
    });

    describe('the log', () => {
      it('comes back as it was appended: index, term, kind and bytes', () => {
        const entries = [
          anEntry(1, { term: 1, kind: 'noop', data: bytes() }),
          anEntry(2, { term: 1, kind: 'configuration', data: bytes(0, 255) }),
          anEntry(3, { term: 4, data: pattern(100_000) }),
        ];
        persistAll({ append: appendOf(entries.slice(0, 2)) }, { append: appendOf(entries.slice(2)) });
        expect(storage.load().entries).toStrictEqual(entries);
        expect(restart().load().entries).toStrictEqual(entries);
      });

      it('can be written before it was ever loaded', () => {
        storage.persist({ append: appendOf(entriesUpTo(1, 3)) });
        restart().persist({ append: appendOf(entriesUpTo(4, 5)) });
        expect(storage.load().entries).toStrictEqual(entriesUpTo(1, 5));
      });

      it('replaces its conflicting suffix by the appended entries (Raft §5.3)', () => {
        persistAll({ append: appendOf(entriesUpTo(1, 9, 1)) }, { append: appendOf(entriesUpTo(4, 5, 2)) });
        expect(restart().load().entries).toStrictEqual([...entriesUpTo(1, 3, 1), ...entriesUpTo(4, 5, 2)]);
      });

      it('can lose its last entry alone', () => {
        persistAll({ append: appendOf(entriesUpTo(1, 3, 1)) }, { append: appendOf([anEntry(3, { term: 2 })]) });
        expect(restart().load().entries).toStrictEqual([...entriesUpTo(1, 2, 1), anEntry(3, { term: 2 })]);
      });

      it('can be cut without anything appended', () => {
        persistAll({ append: appendOf(entriesUpTo(1, 9)) }, { append: { from: asIndex(3), entries: [] } });
        expect(restart().load().entries).toStrictEqual(entriesUpTo(1, 2));
        storage.persist({ append: appendOf(entriesUpTo(3, 4, 2)) });
        expect(storage.load().entries.at(-1)).toStrictEqual(anEntry(4, { term: 2 }));
      });

      it('grows by one entry at a time, also in the place of earlier ones, and from a compacted log on', () => {
        const add = (index: number, term: number): void => storage.persist({ append: appendOf([anEntry(index, { term })]) });
        for (let index = 1; index <= 6; index += 1) add(index, 1);
        add(4, 2);
        add(5, 2);
        storage.persist({ append: { from: asIndex(5), entries: [] } });
        add(5, 3);
        storage.persist({ checkpoint: { snapshot: aSnapshot(5, 3), changes: [] } });
        storage.persist({ compactTo: asIndex(5) });
        for (let index = 6; index <= 9; index += 1) add(index, 3);
        expect(storage.load().entries).toStrictEqual(entriesUpTo(6, 9, 3));
        expect(restart().load()).toMatchObject({ compacted: { index: 5, term: 3 }, entries: entriesUpTo(6, 9, 3) });
        add(10, 4);
        expect(restart().load().entries).toStrictEqual([...entriesUpTo(6, 9, 3), anEntry(10, { term: 4 })]);
      });

      it('keeps terms and indexes beyond 32 bits', () => {
        const far = 2 ** 40;
        storage.stageSnapshot(0, []);
        storage.installSnapshot(aSnapshot(far, far), aHardState(far, 2));
        storage.persist({ append: appendOf([anEntry(far + 1, { term: far + 1 })]), hardState: aHardState(far + 1, far) });
        const state = restart().load();
        expect(state.entries).toStrictEqual([anEntry(far + 1, { term: far + 1 })]);
        expect(state.hardState).toStrictEqual(aHardState(far + 1, far));
      });

      it.each<[string, PersistBatch]>([
        ['a gap after the last entry', { append: appendOf([anEntry(7)]) }],
        ['entries that do not follow each other', { append: appendOf([anEntry(6), anEntry(8)]) }],
        ['a truncation of entries that the checkpoint covers', { append: appendOf([anEntry(3)]) }],
        ['a checkpoint beyond the log', { checkpoint: { snapshot: aSnapshot(6), changes: [] } }],
        ['a checkpoint that goes back', { checkpoint: { snapshot: aSnapshot(2), changes: [] } }],
        ['a compaction beyond the checkpoint', { compactTo: asIndex(4) }],
      ])('rejects %s, and stays as it was', (_, batch) => {
        persistAll({ append: appendOf(entriesUpTo(1, 5)) }, { checkpoint: { snapshot: aSnapshot(3), changes: [] } });
        expect(() => storage.persist({ ...batch, hardState: aHardState(9) })).toThrow(InvariantViolation);
        const state = restart().load();
        expect(state).toMatchObject({ hardState: { term: 0 }, compacted: { index: 0 } });
        expect(state.entries).toStrictEqual(entriesUpTo(1, 5));
      });
    });

    describe('the checkpoint', () => {
      it('comes back with its configuration and its records, in the order of their keys', () => {
        const changes = [put(JOB, 300, pattern(5000)), put(SESSION, 2, bytes(2)), put(JOB, 4, bytes()), put(JOB, 2 ** 45, bytes(45))];
        persistAll({ append: appendOf(entriesUpTo(1, 5)) }, { checkpoint: { snapshot: aSnapshot(4), changes } });
        expect(restart().load().checkpoint).toStrictEqual(aSnapshot(4));
        expect(recordsOf(storage, JOB)).toStrictEqual([
          [4, bytes()],
          [300, pattern(5000)],
          [2 ** 45, bytes(45)],
        ]);
        expect(recordsOf(storage, SESSION)).toStrictEqual([[2, bytes(2)]]);
        expect(storage.readRecord(JOB, 300)).toStrictEqual(pattern(5000));
        expect(storage.readRecord(SESSION, 300)).toBeUndefined();
      });

      it('changes only what changed since the last one', () => {
        const first = [put(JOB, 1, bytes(1)), put(JOB, 2, bytes(2)), put(JOB, 3, bytes(3))];
        const second = [gone(JOB, 2), put(JOB, 3, pattern(70_000)), put(JOB, 4, bytes(4)), gone(JOB, 99)];
        persistAll(
          { append: appendOf(entriesUpTo(1, 9)), checkpoint: { snapshot: aSnapshot(3), changes: first } },
          { checkpoint: { snapshot: aSnapshot(9), changes: second } },
        );
        expect(restart().load().checkpoint).toStrictEqual(aSnapshot(9));
        expect(recordsOf(storage, JOB)).toStrictEqual([
          [1, bytes(1)],
          [3, pattern(70_000)],
          [4, bytes(4)],
        ]);
      });

      it('takes the last of several changes to one record', () => {
        const changes = [put(JOB, 1, bytes(1)), gone(JOB, 1), put(JOB, 1, bytes(3)), put(JOB, 2, bytes(4)), gone(JOB, 2)];
        storage.persist({ append: appendOf(entriesUpTo(1, 1)), checkpoint: { snapshot: aSnapshot(1), changes } });
        expect(recordsOf(restart(), JOB)).toStrictEqual([[1, bytes(3)]]);
      });

      it('keeps its own copy of a record whose bytes are used again', () => {
        const reused = bytes(1, 1, 1);
        const changes = function* () {
          yield put(JOB, 1, reused);
          reused.fill(2);
          yield put(JOB, 2, reused);
        };
        storage.persist({ append: appendOf(entriesUpTo(1, 1)), checkpoint: { snapshot: aSnapshot(1), changes: changes() } });
        expect(recordsOf(storage, JOB)).toStrictEqual([
          [1, bytes(1, 1, 1)],
          [2, bytes(2, 2, 2)],
        ]);
      });

      it('can be written while its records are being read', () => {
        const many = Array.from({ length: 50 }, (_, key) => put(JOB, key, pattern(100_000, key)));
        storage.persist({ append: appendOf(entriesUpTo(1, 1)), checkpoint: { snapshot: aSnapshot(1), changes: many } });
        let read = 0;
        for (const { key, value } of storage.records(JOB)) {
          expect(Buffer.compare(value, pattern(100_000, key))).toBe(0);
          storage.persist({ hardState: aHardState(key + 1) });
          read += 1;
        }
        expect(read).toBe(50);
      });
    });

    describe('compaction', () => {
      it('deletes the log up to an index and remembers the term of the last deleted entry', () => {
        const entries = [...entriesUpTo(1, 5, 2), ...entriesUpTo(6, 9, 3)];
        persistAll({ append: appendOf(entries) }, { checkpoint: { snapshot: aSnapshot(8, 3), changes: [] }, compactTo: asIndex(6) });
        for (const state of [storage.load(), restart().load()]) {
          expect(state.compacted).toStrictEqual({ index: 6, term: 3 });
          expect(state.entries).toStrictEqual(entries.slice(6));
        }
      });

      it('remembers the term of an entry also where others were overwritten, and of one from before the file was opened', () => {
        persistAll({ append: appendOf(entriesUpTo(1, 6, 1)) }, { append: appendOf(entriesUpTo(7, 9, 2)) });
        const compactedAt = (index: number, term: number): void => {
          storage.persist({ checkpoint: { snapshot: aSnapshot(index, term), changes: [] }, compactTo: asIndex(index) });
          expect(storage.load().compacted).toStrictEqual({ index, term });
        };
        compactedAt(2, 1);
        storage.persist({ append: appendOf(entriesUpTo(5, 8, 3)) });
        compactedAt(4, 1);
        compactedAt(5, 3);
        restart();
        compactedAt(6, 3);
        persistAll({ append: appendOf([...entriesUpTo(9, 10, 3), ...entriesUpTo(11, 12, 4)]) });
        compactedAt(7, 3);
        compactedAt(10, 3);
        compactedAt(12, 4);
      });

      it('may leave an empty log, which continues after it', () => {
        const batch = { append: appendOf(entriesUpTo(1, 3, 4)), checkpoint: { snapshot: aSnapshot(3, 4), changes: [] } };
        storage.persist({ ...batch, compactTo: asIndex(3) });
        expect(restart().load()).toMatchObject({ compacted: { index: 3, term: 4 }, entries: [] });
        storage.persist({ append: appendOf(entriesUpTo(4, 5, 5)) });
        expect(restart().load().entries).toStrictEqual(entriesUpTo(4, 5, 5));
      });

      it('changes nothing when the log already begins later', () => {
        storage.persist({ append: appendOf(entriesUpTo(1, 9)), checkpoint: { snapshot: aSnapshot(9), changes: [] } });
        persistAll({ compactTo: asIndex(5) }, { compactTo: asIndex(2) });
        expect(restart().load()).toMatchObject({ compacted: { index: 5 }, entries: { length: 4 } });
      });

      it('of a log that is longer than what one turn deletes is complete at once, before and after a restart', () => {
        const entries = entriesUpTo(1, 6000);
        storage.persist({ append: appendOf(entries) });
        storage.persist({ checkpoint: { snapshot: aSnapshot(5990), changes: [] }, compactTo: asIndex(5990) });
        expect(storage.load().entries).toStrictEqual(entries.slice(5990));
        expect(restart().load().entries).toStrictEqual(entries.slice(5990));
        for (let term = 1; term < 20; term += 1) storage.persist({ hardState: aHardState(term) });
        expect(storage.load().entries).toStrictEqual(entries.slice(5990));
      });
    });

    describe('one persist', () => {
      it('writes everything it was given together', () => {
        storage.persist({
          hardState: aHardState(2, 1),
          append: appendOf(entriesUpTo(1, 4, 2)),
          checkpoint: { snapshot: aSnapshot(3, 2), changes: [put(JOB, 1, bytes(1))] },
          compactTo: asIndex(2),
        });
        expect(restart().load()).toStrictEqual({
          hardState: aHardState(2, 1),
          checkpoint: aSnapshot(3, 2),
          compacted: { index: 2, term: 2 },
          entries: entriesUpTo(3, 4, 2),
          disk: DISK,
          generation: 0,
        });
        expect(recordsOf(storage, JOB)).toStrictEqual([[1, bytes(1)]]);
      });

      it('writes nothing at all when it fails half-way, and nothing may be written after it', () => {
        storage.persist({ hardState: aHardState(1, 1), append: appendOf(entriesUpTo(1, 4)) });
        const before = storage.load();
        const failing = function* () {
          yield put(JOB, 1, bytes(1));
          throw new Error('the machine fails while it is encoded');
        };
        const batch = { hardState: aHardState(2), append: appendOf(entriesUpTo(3, 6, 2)) };
        expect(() => storage.persist({ ...batch, checkpoint: { snapshot: aSnapshot(2), changes: failing() } })).toThrow(
          /while it is encoded/,
        );
        expect(() => storage.persist({ hardState: aHardState(3) })).toThrow(/restart the node/);
        expect(() => storage.stageSnapshot(0, [])).toThrow(/restart the node/);
        expect(storage.load()).toStrictEqual(before);
        expect(restart().load()).toStrictEqual(before);
        expect(recordsOf(storage, JOB)).toEqual([]);
        storage.persist(batch);
        expect(storage.load().hardState).toStrictEqual(aHardState(2));
      });
    });

    describe('a disk that is in use', () => {
      it('rejects a second node, and is free again once the first has closed it', () => {
        expect(() => disk.open()).toThrow(expect.objectContaining({ code: 'STORAGE_IN_USE' }));
        storage.persist({ hardState: aHardState(5) });
        expect(restart().load().hardState.term).toBe(5);
      });
    });

    it('cannot be used after it was disposed', () => {
      storage[Symbol.dispose]();
      storage[Symbol.dispose]();
      expect(() => storage.load()).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
      expect(() => storage.persist({ hardState: aHardState(1) })).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
      storage = disk.open();
    });
  });
}
