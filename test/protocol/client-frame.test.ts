import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, MalformedBytesError } from '../../src/base/bytes.ts';
import {
  type ClientFrame,
  readClientFrames,
  readServerFrames,
  type ServerFrame,
  writeClientFrame,
  writeServerFrame,
} from '../../src/protocol/client-frame.ts';

function packetOf(...frames: readonly ClientFrame[]): Uint8Array {
  const writer = new ByteWriter();
  for (const frame of frames) writeClientFrame(writer, frame);
  return writer.copy();
}

const anIndex = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const aNode = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const aCall = fc.nat({ max: 0xffff_ffff });
const nodes = fc.uniqueArray(aNode, { maxLength: 5 });
const bytes = fc.uint8Array({ maxLength: 40 });
const aFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  fc.record({ type: fc.constant('request' as const), request: bytes }),
  fc.record({
    type: fc.constant('query' as const),
    consistency: fc.constantFrom('linearizable' as const, 'lease' as const, 'stale' as const),
    request: bytes,
  }),
  fc.record({ type: fc.constant('status' as const), call: aCall }),
  fc.record({ type: fc.constant('log' as const), call: aCall, from: anIndex, to: anIndex }),
  fc.record({ type: fc.constant('change' as const), call: aCall, add: nodes, remove: nodes, learners: nodes }),
  fc.record({ type: fc.constant('transfer' as const), call: aCall, to: anIndex }),
);

describe('a packet of a client', () => {
  it('arrives as it was written', () => {
    fc.assert(
      fc.property(fc.array(aFrame, { maxLength: 5 }), (frames) => {
        expect(readClientFrames(packetOf(...frames))).toEqual(frames);
      }),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -3, 0.5, 2 ** 53])('has integers for its ids and indexes, and not %d', (odd) => {
    const wrong: readonly ClientFrame[] = [
      { type: 'log', call: 1, from: odd, to: 1 },
      { type: 'log', call: 1, from: 1, to: odd },
      { type: 'transfer', call: 1, to: odd },
      { type: 'change', call: 1, add: [odd], remove: [], learners: [] },
      { type: 'change', call: 1, add: [], remove: [odd], learners: [] },
      { type: 'change', call: 1, add: [], remove: [], learners: [odd] },
    ];
    for (const frame of wrong) expect(() => readClientFrames(packetOf(frame)), JSON.stringify(frame)).toThrow(MalformedBytesError);
  });

  it('names each node once, and none by zero', () => {
    for (const add of [[4, 4], [0]]) {
      expect(() => readClientFrames(packetOf({ type: 'change', call: 1, add, remove: [], learners: [] }))).toThrow(MalformedBytesError);
    }
  });

  it('is either decoded or malformed, whatever its bytes are', () => {
    const damaged = fc.tuple(fc.array(aFrame, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat({ max: 255 })).map(([frames, at, byte]) => {
      const packet = packetOf(...frames);
      packet[at % packet.length] = byte;
      return packet;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (packet) => {
        try {
          readClientFrames(packet);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a rejection', () => {
  function packetOfRejection(operations: readonly number[]): { readonly frame: ServerFrame; readonly packet: Uint8Array } {
    const frame: ServerFrame = {
      ...{ type: 'rejected', client: 7, sequence: 3, code: 'TOO_LARGE', outcome: 'not-applied', retryAfterMs: 0 },
      operations,
      message: 'A payload is too large.',
    };
    const writer = new ByteWriter();
    writeServerFrame(writer, frame);
    return { frame, packet: writer.copy() };
  }

  it('names the invalid operations', () => {
    for (const operations of [[], [0], [0, 5, 4095]]) {
      const { frame, packet } = packetOfRejection(operations);
      expect(readServerFrames(packet)).toEqual([frame]);
    }
  });

  it('is malformed unless their places ascend', () => {
    for (const operations of [
      [1, 1],
      [2, 1],
    ]) {
      expect(() => readServerFrames(packetOfRejection(operations).packet)).toThrow(MalformedBytesError);
    }
  });
});
