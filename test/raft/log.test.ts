import { describe, expect, it } from 'vitest';
import { asIndex, asTerm } from '../../src/base/ids.ts';
import { RaftLog } from '../../src/raft/log.ts';

/** A log after index 10 whose entries have these sizes in bytes. */
const aLog = (...bytes: readonly number[]): RaftLog =>
  new RaftLog(
    { index: asIndex(10), term: asTerm(1) },
    bytes.map((length, at) => ({ index: asIndex(11 + at), term: asTerm(1), kind: 'command' as const, data: new Uint8Array(length) })),
  );

describe('the tail that compaction leaves for slow followers', () => {
  it.each([
    { what: 'as many entries as allowed', entriesMax: 2, bytesMax: 1_000, end: 15, compactTo: 13 },
    { what: 'as many bytes as allowed', entriesMax: 100, bytesMax: 25, end: 15, compactTo: 13 },
    { what: 'everything when both allow it', entriesMax: 100, bytesMax: 1_000, end: 15, compactTo: 10 },
    { what: 'nothing when one entry is too large', entriesMax: 100, bytesMax: 9, end: 15, compactTo: 15 },
    { what: 'only entries up to the given end', entriesMax: 1, bytesMax: 1_000, end: 12, compactTo: 11 },
  ])('holds $what', ({ entriesMax, bytesMax, end, compactTo }) => {
    expect(aLog(10, 10, 10, 10, 10).lastBeforeTail(asIndex(end), entriesMax, bytesMax)).toBe(compactTo);
  });
});
