import { describe, expect, it } from 'vitest';
import type { MemoryRelease } from '../../src/base/memory-release.ts';
import { Batch } from '../../src/client/delivery/batch.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { options } from '../queue/harness.ts';

const aBatch = (payloadBytes: number): Batch => {
  const encoder = new RequestEncoder();
  encoder.begin(7, 1, 1);
  encoder.add('q', new Uint8Array(payloadBytes), options());
  const call = { onResult: () => undefined, onError: () => undefined };
  return new Batch({ request: encoder.finish(), calls: [call], kept: 0, keptBytes: 0 }, 0);
};

function aMemory(): { readonly memory: MemoryRelease; readonly released: ArrayBufferLike[] } {
  const released: ArrayBufferLike[] = [];
  return { memory: { bytesMin: 100, release: (buffer) => released.push(buffer) }, released };
}

describe("the memory of a request's packet", () => {
  it('is given back once no call waits, if all channels it was sent on have copied it', () => {
    const { memory, released } = aMemory();
    const batch = aBatch(200);
    batch.sentOn(memory);
    batch.sentOn(memory);
    expect(released).toEqual([]);
    batch.completed();
    batch.completed();
    expect(released).toEqual([batch.packet.buffer]);
  });

  it('is left to the collector if a channel may still read it, or if it is small', () => {
    const { memory, released } = aMemory();
    const [held, small] = [aBatch(200), aBatch(10)];
    held.sentOn(undefined);
    held.sentOn(memory);
    small.sentOn(memory);
    held.completed();
    small.completed();
    aBatch(200).completed();
    expect(released).toEqual([]);
  });
});
