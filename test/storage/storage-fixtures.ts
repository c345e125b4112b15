import { asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import type { Entry, EntryKind, HardState, SnapshotId } from '../../src/raft/entry.ts';
import type { NodeStorage, RecordChange } from '../../src/storage/port.ts';

/** The record kinds of every test: two, so that a row in the wrong one can be told. */
export const KINDS = ['job', 'session'] as const;
export const JOB = 0;
export const SESSION = 1;

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Bytes that differ from place to place, so that a shifted or shortened copy is not equal. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + seed * 7 + (at >> 8)) & 0xff);
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
  const configuration = { voters: [1, 2, 3].map(asNodeId), outgoing: [asNodeId(4)], learners: [asNodeId(5), asNodeId(6)] };
  return { index: asIndex(index), term: asTerm(term), configuration };
}

export const put = (kind: number, key: number, value: Uint8Array): RecordChange => ({ kind, key, value });
export const gone = (kind: number, key: number): RecordChange => ({ kind, key, value: undefined });

export function recordsOf(storage: NodeStorage, kind: number): [key: number, value: Uint8Array][] {
  return [...storage.records(kind)].map(({ key, value }) => [key, value]);
}

/** Everything that a reader gives, chunk after chunk. */
export function readAll(reader: { read(bytesMax: number): readonly RecordChange[] | undefined }, bytesMax = 1000): RecordChange[][] {
  const chunks: RecordChange[][] = [];
  for (let chunk = reader.read(bytesMax); chunk !== undefined; chunk = reader.read(bytesMax)) chunks.push([...chunk]);
  return chunks;
}
