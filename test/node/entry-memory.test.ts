import { describe, expect, it } from 'vitest';
import { asIndex, asTerm } from '../../src/base/ids.ts';
import { EntryMemory } from '../../src/node/entry-memory.ts';
import type { Entry } from '../../src/raft/entry.ts';

const entry = (index: number, data: Uint8Array): Entry => ({ index: asIndex(index), term: asTerm(1), kind: 'command', data });

function aMemory(bytesMin = 100) {
  const released: ArrayBufferLike[] = [];
  const memory = new EntryMemory({ bytesMin, release: (buffer) => released.push(buffer) });
  return { memory, released };
}

describe('the memory of log entries', () => {
  it('is given back in the turn after the log has dropped them', () => {
    const { memory, released } = aMemory();
    const [first, second] = [new Uint8Array(100), new Uint8Array(100)];
    memory.onWritten([entry(1, first), entry(2, second)]);
    memory.releaseFree();
    memory.onCompacted(asIndex(1));
    expect(released).toEqual([]);
    memory.releaseFree();
    expect(released).toEqual([first.buffer]);
    memory.onCompacted(asIndex(2));
    memory.releaseFree();
    memory.releaseFree();
    expect(released).toEqual([first.buffer, second.buffer]);
  });

  it('stays while one of the entries that arrived in it is in the log, however small', () => {
    const { memory, released } = aMemory();
    const frame = new Uint8Array(200);
    memory.onWritten([entry(1, frame.subarray(4, 150)), entry(2, frame.subarray(150, 152))]);
    memory.onWritten([entry(3, frame.subarray(152, 160)), entry(4, new Uint8Array(100))]);
    memory.onCompacted(asIndex(2));
    memory.releaseFree();
    expect(released).toEqual([]);
    memory.onCompacted(asIndex(3));
    memory.releaseFree();
    expect(released).toEqual([frame.buffer]);
  });

  it('stays while an entry before those is in the log that replaced its successors', () => {
    const { memory, released } = aMemory();
    const [frame, later] = [new Uint8Array(200), new Uint8Array(100)];
    memory.onWritten([entry(5, frame.subarray(0, 100)), entry(6, frame.subarray(100, 150)), entry(7, frame.subarray(150))]);
    memory.onWritten([entry(6, later)]);
    memory.onCompacted(asIndex(4));
    memory.releaseFree();
    expect(released).toEqual([]);
    memory.onCompacted(asIndex(7));
    memory.releaseFree();
    expect(released).toEqual([frame.buffer, later.buffer]);
  });

  it('is left to the collector if it is small, if a snapshot replaced the log, or without a way to give it back', () => {
    const { memory, released } = aMemory();
    memory.onWritten([entry(1, new Uint8Array(99)), entry(2, new Uint8Array(64))]);
    memory.onWritten([entry(3, new Uint8Array(100))]);
    memory.clear();
    memory.onCompacted(asIndex(3));
    memory.releaseFree();
    expect(released).toEqual([]);
    const without = new EntryMemory(undefined);
    without.onWritten([entry(1, new Uint8Array(1_000))]);
    without.onCompacted(asIndex(1));
    expect(() => without.releaseFree()).not.toThrow();
  });
});
