import { asDiskId, asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import type { RecordChange } from '../../src/protocol/record.ts';
import { configurationOf, type Entry, type EntryKind, type HardState, type SnapshotId } from '../../src/raft/entry.ts';
import type { CheckpointReader, NodeStorage, SnapshotRecord } from '../../src/storage/port.ts';
import { kindTag, RowChecksum } from '../../src/storage/row-checksum.ts';

/** One disk under test: it outlives the storages that are opened on it, one after the other. */
export interface TestDisk {
  open(): NodeStorage;
  /** Removes the files of the disk. */
  discard(): void;
}

/** The record kinds of every test: two, so that a row in the wrong one can be detected. */
export const KINDS = ['job', 'session'] as const;
export const JOB = 0;
export const SESSION = 1;

/** The id of every test's disk. */
export const DISK = 2 ** 50 + 7;

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Bytes that differ from place to place, so that a shifted or shortened copy is not equal. */
export function pattern(length: number, seed = 1): Uint8Array {
  const made = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) made[at] = (at * 31 + seed * 7 + (at >> 8)) & 0xff;
  return made;
}

export function anEntry(index: number, { term = 1, kind = 'command' as EntryKind, data = bytes(index & 0xff, 7) } = {}): Entry {
  return { index: asIndex(index), term: asTerm(term), kind, data };
}

export function entriesUpTo(from: number, to: number, term = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => anEntry(from + at, { term }));
}

export function appendOf(entries: readonly Entry[]): { readonly from: Entry['index']; readonly entries: readonly Entry[] } {
  return { from: entries[0]?.index ?? asIndex(1), entries };
}

export function aHardState(term: number, votedFor?: number): HardState {
  return { term: asTerm(term), votedFor: votedFor === undefined ? undefined : asNodeId(votedFor) };
}

export function aSnapshot(index: number, term = 1): SnapshotId {
  const configuration = configurationOf({
    voters: [1, 2, 3].map(asNodeId),
    outgoing: [asNodeId(4)],
    learners: [asNodeId(5), asNodeId(6)],
    joining: [asNodeId(7)],
    leaving: [asNodeId(2)],
    disks: [
      { node: asNodeId(1), disk: asDiskId(11) },
      { node: asNodeId(3), disk: asDiskId(2 ** 52 + 1) },
    ],
  });
  return { index: asIndex(index), term: asTerm(term), configuration };
}

export const put = (kind: number, key: number, value: Uint8Array): RecordChange => ({ kind, key, value });
export const gone = (kind: number, key: number): RecordChange => ({ kind, key, value: undefined });

/** The checksum that a record has on every disk. */
export function checksumOf(kind: number, key: number, value: Uint8Array): number {
  return new RowChecksum().record(kindTag(KINDS[kind] ?? ''), key, value);
}

/** A record as a snapshot carries it. */
export const sent = (kind: number, key: number, value: Uint8Array): SnapshotRecord => ({
  kind,
  key,
  value,
  checksum: checksumOf(kind, key, value),
});

/** A record without its checksum. */
export const bare = ({ kind, key, value }: RecordChange): RecordChange => ({ kind, key, value });

export function recordsOf(storage: NodeStorage, kind: number): [key: number, value: Uint8Array][] {
  return [...storage.records(kind)].map(({ key, value }) => [key, value]);
}

/** All records of a reader, chunk by chunk. */
export function readAll(reader: CheckpointReader, bytesMax = 1000): SnapshotRecord[][] {
  const chunks: SnapshotRecord[][] = [];
  for (let chunk = reader.read(bytesMax); chunk !== undefined; chunk = reader.read(bytesMax)) chunks.push([...chunk]);
  return chunks;
}
