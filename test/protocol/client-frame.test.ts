import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, MalformedBytesError } from '../../src/base/bytes.ts';
import {
  type AdminRejectionReason,
  type ClientFrame,
  type NodeStatus,
  type RejectionCode,
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
  fc.record({ type: fc.constant('cancel-claim' as const), client: anIndex, sequence: anIndex }),
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
      { type: 'cancel-claim', client: odd, sequence: 1 },
      { type: 'cancel-claim', client: 1, sequence: odd },
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

const aStatus: fc.Arbitrary<NodeStatus> = fc.record({
  node: aNode,
  state: fc.constantFrom('follower' as const, 'pre-candidate' as const, 'candidate' as const, 'leader' as const),
  term: anIndex,
  votedFor: fc.option(aNode),
  leaderId: fc.option(aNode),
  commit: anIndex,
  applied: anIndex,
  firstIndex: anIndex,
  lastIndex: anIndex,
  lastTerm: anIndex,
  voters: nodes,
  outgoing: nodes,
  learners: nodes,
  joining: nodes,
  leaving: nodes,
  isSettled: fc.boolean(),
  isRemoved: fc.boolean(),
});
const anEntry = fc.record({ index: anIndex, term: anIndex, kind: fc.string(), data: bytes });
const aServerFrame: fc.Arbitrary<ServerFrame> = fc.oneof(
  fc.record({ type: fc.constant('reply' as const), reply: bytes }),
  fc.record({ type: fc.constant('part' as const), first: aCall, reply: bytes }),
  fc.record({
    type: fc.constant('rejected' as const),
    client: anIndex,
    sequence: anIndex,
    code: fc.constantFrom<RejectionCode>('NO_LEADER', 'OVERLOADED', 'TOO_LARGE', 'INVALID_REQUEST', 'STOPPING', 'VERSION', 'RETRY_LATER'),
    outcome: fc.constantFrom('not-applied' as const, 'unknown' as const),
    retryAfterMs: aCall,
    operations: fc.uniqueArray(aCall, { maxLength: 5 }).map((places) => places.sort((a, b) => a - b)),
    message: fc.string({ unit: 'grapheme' }),
  }),
  fc.record({ type: fc.constant('status' as const), call: aCall, status: aStatus }),
  fc.record({ type: fc.constant('log' as const), call: aCall, entries: fc.array(anEntry, { maxLength: 4 }) }),
  fc.record({ type: fc.constant('done' as const), call: aCall }),
  fc.record({
    type: fc.constant('admin-rejected' as const),
    call: aCall,
    reason: fc.constantFrom<AdminRejectionReason>('NOT_LEADER', 'NOT_READY', 'CHANGE_PENDING', 'INVALID', 'TRANSFERRING', 'OVERLOADED'),
    leader: anIndex,
    message: fc.string({ unit: 'grapheme' }),
  }),
);

function serverPacketOf(...frames: readonly ServerFrame[]): Uint8Array {
  const writer = new ByteWriter();
  for (const frame of frames) writeServerFrame(writer, frame);
  return writer.copy();
}

describe('a packet of a node', () => {
  it('arrives as it was written', () => {
    fc.assert(
      fc.property(fc.array(aServerFrame, { maxLength: 5 }), (frames) => {
        expect(readServerFrames(serverPacketOf(...frames))).toEqual(frames);
      }),
    );
  });

  it('is malformed where a code, a reason or a kind is unknown, or the status is not readable', () => {
    const status = serverPacketOf({ type: 'status', call: 1, status: {} as NodeStatus });
    const cases: readonly (readonly [string, Uint8Array])[] = [
      ['kind', Uint8Array.of(1, 0, 0, 0, 99)],
      ['empty frame', new Uint8Array(4)],
      [
        'code',
        withByte(
          serverPacketOf({ type: 'rejected', client: 1, sequence: 1, code: 'VERSION', outcome: 'unknown', operations: [], message: '' }),
          21,
          99,
        ),
      ],
      ['reason', withByte(serverPacketOf({ type: 'admin-rejected', call: 1, reason: 'INVALID', leader: 0, message: '' }), 9, 99)],
      ['status', withByte(status, status.length - 1, '{'.charCodeAt(0))],
    ];
    for (const [what, packet] of cases) expect(() => readServerFrames(packet), what).toThrow(MalformedBytesError);
  });

  it('is either decoded or malformed, whatever its bytes are', () => {
    const damaged = fc
      .tuple(fc.array(aServerFrame, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat({ max: 255 }))
      .map(([frames, at, byte]) => {
        const packet = serverPacketOf(...frames);
        return withByte(packet, at % packet.length, byte);
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (packet) => {
        try {
          readServerFrames(packet);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

function withByte(packet: Uint8Array, at: number, byte: number): Uint8Array {
  packet[at] = byte;
  return packet;
}

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
