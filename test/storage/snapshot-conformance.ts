import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { InvariantViolation } from '../../src/base/invariant.ts';
import type { RecordChange } from '../../src/protocol/record.ts';
import { SnapshotDamagedError } from '../../src/storage/errors.ts';
import type { NodeStorage, SnapshotRecord } from '../../src/storage/port.ts';
import {
  aHardState,
  appendOf,
  aSnapshot,
  bare,
  bytes,
  checksumOf,
  DISK,
  entriesUpTo,
  gone,
  JOB,
  pattern,
  put,
  readAll,
  recordsOf,
  SESSION,
  sent,
  type TestDisk,
} from './storage-fixtures.ts';

/** The requirements of every NodeStorage for snapshots: those it sends, and those it receives. */
export function describeSnapshots(name: string, makeDisk: () => TestDisk): void {
  describe(`snapshots: ${name}`, () => {
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

    describe('a checkpoint reader', () => {
      const many = Array.from({ length: 40 }, (_, key) => put(JOB, key * 3, pattern(100, key)));
      beforeEach(() => {
        const changes = [...many, put(SESSION, 1, pattern(9000))];
        storage.persist({ append: appendOf(entriesUpTo(1, 9)), checkpoint: { snapshot: aSnapshot(5), changes } });
      });

      it('returns every record once, kind by kind, in bounded chunks of at least one record', () => {
        using reader = storage.openCheckpointReader();
        expect(reader.snapshot).toStrictEqual(aSnapshot(5));
        const chunks = readAll(reader, 1000);
        expect(chunks.flat().map(bare)).toStrictEqual([...many, put(SESSION, 1, pattern(9000))]);
        expect(chunks.length).toBeGreaterThan(4);
        for (const chunk of chunks.slice(0, -1)) {
          expect(chunk.reduce((sum, record) => sum + (record.value?.length ?? 0), 0)).toBeLessThanOrEqual(1000);
        }
        expect(reader.read(1000)).toBeUndefined();
      });

      it('holds no more than the requested bytes in memory, or one larger record alone', () => {
        const sizes = [10, 900, 5000, 40, 40, 3000, 1000, 1];
        const changes = sizes.map((size, key) => put(JOB, 1000 + key, pattern(size, key)));
        storage.persist({ checkpoint: { snapshot: aSnapshot(6), changes } });
        using reader = storage.openCheckpointReader();
        for (const chunk of readAll(reader, 1000)) {
          const bytesRead = chunk.reduce((sum, record) => sum + (record.value?.length ?? 0), 0);
          if (chunk.length > 1) expect(bytesRead).toBeLessThanOrEqual(1000);
        }
        using again = storage.openCheckpointReader();
        const keysOfLarge = readAll(again, 1000).filter((chunk) => chunk.some(({ value }) => (value?.length ?? 0) > 1000));
        expect(keysOfLarge.map((chunk) => chunk.map(({ key }) => key))).toEqual([[1002], [1005], [1]]);
      });

      it('returns with each record the checksum that it was written with', () => {
        using reader = storage.openCheckpointReader();
        for (const { kind, key, value, checksum } of readAll(reader).flat()) {
          expect(checksum).toBe(checksumOf(kind, key, value));
        }
      });

      it('sees one checkpoint to its end while every record changes between any two reads', () => {
        using reader = storage.openCheckpointReader();
        const seen: RecordChange[] = [];
        let round = 0;
        for (let chunk = reader.read(300); chunk !== undefined; chunk = reader.read(300)) {
          seen.push(...chunk.map(bare));
          round += 1;
          storage.persist({ append: appendOf(entriesUpTo(9 + round, 9 + round)), hardState: aHardState(round) });
          const changes = many.map(({ key }) => (key % 2 === round % 2 ? gone(JOB, key) : put(JOB, key + round, bytes(round))));
          storage.persist({ checkpoint: { snapshot: aSnapshot(9 + round), changes }, compactTo: asIndex(8 + round) });
        }
        expect(round).toBeGreaterThan(10);
        expect(seen).toStrictEqual([...many, put(SESSION, 1, pattern(9000))]);
        expect(reader.isExpired).toBe(false);
      });

      it('goes on seeing the checkpoint as it was, through writes, compaction and an installed snapshot', () => {
        using reader = storage.openCheckpointReader();
        const first = reader.read(200) ?? [];
        const changes = [...many.map(({ key }) => gone(JOB, key)), put(JOB, 7, bytes(7))];
        storage.persist({ checkpoint: { snapshot: aSnapshot(8), changes }, compactTo: asIndex(8) });
        const second = reader.read(200) ?? [];
        storage.stageSnapshot(0, [put(JOB, 1, bytes(1))]);
        storage.installSnapshot(aSnapshot(20), aHardState(3));
        const rest = readAll(reader).flat();
        expect([...first, ...second, ...rest].map(bare)).toStrictEqual([...many, put(SESSION, 1, pattern(9000))]);
        using later = storage.openCheckpointReader();
        expect(later.snapshot).toStrictEqual(aSnapshot(20));
        expect(readAll(later).flat().map(bare)).toStrictEqual([put(JOB, 1, bytes(1))]);
      });

      it('may be disposed early, twice, and after others', () => {
        const reader = storage.openCheckpointReader();
        const other = storage.openCheckpointReader();
        expect(reader.read(1)).toHaveLength(1);
        reader[Symbol.dispose]();
        reader[Symbol.dispose]();
        expect(() => reader.read(1)).toThrow();
        expect(readAll(other).flat()).toHaveLength(41);
        other[Symbol.dispose]();
        storage.persist({ hardState: aHardState(1) });
        expect(restart().load().hardState.term).toBe(1);
      });
    });

    it('has no checkpoint to read before the first one was written', () => {
      expect(() => storage.openCheckpointReader()).toThrow(InvariantViolation);
    });

    describe('a snapshot from the leader (Raft §7)', () => {
      const held = [put(JOB, 1, bytes(1)), put(JOB, 2, bytes(2)), put(SESSION, 3, bytes(3))];
      beforeEach(() => {
        storage.persist({
          hardState: aHardState(2, 1),
          append: appendOf(entriesUpTo(1, 9, 2)),
          checkpoint: { snapshot: aSnapshot(5, 2), changes: held },
          compactTo: asIndex(3),
        });
      });
      const expectUntouched = (): void => {
        expect(storage.load()).toMatchObject({ checkpoint: { index: 5 }, compacted: { index: 3 }, entries: { length: 6 } });
        expect(recordsOf(storage, JOB)).toStrictEqual([
          [1, bytes(1)],
          [2, bytes(2)],
        ]);
      };

      it('changes nothing while it is staged', () => {
        storage.stageSnapshot(0, [put(JOB, 1, bytes(11))]);
        storage.stageSnapshot(1, [put(JOB, 9, bytes(99))]);
        expectUntouched();
        restart();
        expectUntouched();
      });

      it('replaces checkpoint, log and hard state at once', () => {
        storage.stageSnapshot(0, [put(JOB, 1, bytes(11)), put(SESSION, 5, pattern(20_000))]);
        storage.stageSnapshot(1, [put(JOB, 9, bytes(99))]);
        storage.installSnapshot(aSnapshot(40, 6), aHardState(6, 3));
        for (const state of [storage.load(), restart().load()]) {
          expect(state).toStrictEqual({
            hardState: aHardState(6, 3),
            checkpoint: aSnapshot(40, 6),
            compacted: { index: 40, term: 6 },
            entries: [],
            disk: DISK,
            generation: 0,
          });
        }
        expect(recordsOf(storage, JOB)).toStrictEqual([
          [1, bytes(11)],
          [9, bytes(99)],
        ]);
        expect(recordsOf(storage, SESSION)).toStrictEqual([[5, pattern(20_000)]]);
        expect(storage.readRecord(JOB, 2)).toBeUndefined();
      });

      it('may end within the stored log: nothing of it is left', () => {
        storage.stageSnapshot(0, []);
        storage.installSnapshot(aSnapshot(7, 3), aHardState(3));
        expect(restart().load()).toMatchObject({ compacted: { index: 7, term: 3 }, entries: [] });
        expect(recordsOf(storage, JOB)).toEqual([]);
      });

      it('is followed by log, checkpoints, and the next snapshot', () => {
        for (const at of [20, 40, 60]) {
          storage.stageSnapshot(0, [put(JOB, at, bytes(at))]);
          storage.installSnapshot(aSnapshot(at, 6), aHardState(6));
          storage.persist({ append: appendOf(entriesUpTo(at + 1, at + 3, 6)) });
          const changes = [put(JOB, at, bytes(at, at)), put(JOB, at + 1, bytes(at + 1)), put(SESSION, at, bytes(1))];
          storage.persist({ checkpoint: { snapshot: aSnapshot(at + 2, 6), changes }, compactTo: asIndex(at + 1) });
          expect(storage.readRecord(JOB, at)).toStrictEqual(bytes(at, at));
          expect(recordsOf(at === 40 ? restart() : storage, JOB)).toStrictEqual([
            [at, bytes(at, at)],
            [at + 1, bytes(at + 1)],
          ]);
        }
        expect(restart().load()).toMatchObject({ compacted: { index: 61, term: 6 }, entries: { length: 2 } });
      });

      it('that was left in the middle is discarded by the first chunk of the next one', () => {
        storage.stageSnapshot(0, [put(JOB, 1, bytes(11)), put(JOB, 77, bytes(77))]);
        storage.stageSnapshot(1, [put(JOB, 9, bytes(99))]);
        storage.stageSnapshot(0, [put(JOB, 5, bytes(55))]);
        storage.installSnapshot(aSnapshot(40, 6), aHardState(6));
        expect(recordsOf(restart(), JOB)).toStrictEqual([[5, bytes(55)]]);
      });

      it('cannot be continued after a restart in the middle, only begun again', () => {
        storage.stageSnapshot(0, [put(JOB, 1, bytes(11))]);
        restart();
        expect(() => storage.stageSnapshot(1, [put(JOB, 9, bytes(99))])).toThrow(InvariantViolation);
        restart();
        expect(() => storage.installSnapshot(aSnapshot(40, 6), aHardState(6))).toThrow(InvariantViolation);
        restart();
        storage.stageSnapshot(0, [put(JOB, 8, bytes(8))]);
        storage.installSnapshot(aSnapshot(40, 6), aHardState(6));
        expect(recordsOf(restart(), JOB)).toStrictEqual([[8, bytes(8)]]);
      });

      it('accepts a repeated chunk, and rejects one that comes too early', () => {
        storage.stageSnapshot(0, [put(JOB, 1, bytes(11))]);
        storage.stageSnapshot(1, [put(JOB, 2, bytes(22))]);
        storage.stageSnapshot(1, [put(JOB, 2, bytes(22))]);
        storage.stageSnapshot(2, [put(JOB, 3, bytes(33))]);
        storage.installSnapshot(aSnapshot(40, 6), aHardState(6));
        expect(recordsOf(storage, JOB)).toHaveLength(3);
        storage.stageSnapshot(0, []);
        expect(() => storage.stageSnapshot(2, [])).toThrow(InvariantViolation);
      });

      it('with a record that changed in transit is rejected, chunk by chunk, and continues when the chunk is sent again', () => {
        const sound = [1, 2].map((key) => sent(JOB, key, pattern(500, key)));
        const damages: readonly ((record: SnapshotRecord) => SnapshotRecord)[] = [
          (record) => ({ ...record, value: pattern(499, 2) }),
          (record) => ({ ...record, value: pattern(500, 2).map((byte, at) => (at === 300 ? byte ^ 16 : byte)) }),
          (record) => ({ ...record, key: record.key ^ 4 }),
          (record) => ({ ...record, kind: SESSION }),
          (record) => ({ ...record, kind: 17 }),
          (record) => ({ ...record, checksum: record.checksum ^ 1 }),
        ];
        storage.stageSnapshot(0, [sent(SESSION, 7, bytes(7))]);
        for (const damage of damages) {
          const [first, second] = sound;
          if (first === undefined || second === undefined) throw new Error('two records were sent');
          expect(() => storage.stageSnapshot(1, [first, damage(second)])).toThrow(SnapshotDamagedError);
          storage.persist({ hardState: aHardState(3) });
        }
        expectUntouched();
        storage.stageSnapshot(1, sound);
        storage.installSnapshot(aSnapshot(40, 6), aHardState(6));
        expect(recordsOf(restart(), JOB)).toStrictEqual([
          [1, pattern(500, 1)],
          [2, pattern(500, 2)],
        ]);
        expect(recordsOf(storage, SESSION)).toStrictEqual([[7, bytes(7)]]);
      });

      it('may consist of the records from a reader of another disk', () => {
        const other = makeDisk();
        {
          using leader = other.open();
          const changes = Array.from({ length: 60 }, (_, key) => put(key % 2, key, pattern(key * 20, key)));
          leader.persist({ append: appendOf(entriesUpTo(1, 20)), checkpoint: { snapshot: aSnapshot(20), changes } });
          using reader = leader.openCheckpointReader();
          for (const [chunk, records] of readAll(reader, 2000).entries()) storage.stageSnapshot(chunk, records);
          storage.installSnapshot(reader.snapshot, aHardState(6));
          for (const kind of [JOB, SESSION]) expect(recordsOf(storage, kind)).toStrictEqual(recordsOf(leader, kind));
        }
        other.discard();
        expect(restart().load()).toMatchObject({ checkpoint: aSnapshot(20), disk: DISK });
      });

      it('that covers less than the checkpoint is rejected', () => {
        storage.stageSnapshot(0, []);
        expect(() => storage.installSnapshot(aSnapshot(4, 2), aHardState(6))).toThrow(InvariantViolation);
        expectUntouched();
      });
    });
  });
}
