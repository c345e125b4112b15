import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, MalformedBytesError } from '../../src/base/bytes.ts';
import { makeGeneration } from '../../src/base/generation.ts';
import { asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import type { RaftMessage } from '../../src/raft/message.ts';
import { type PeerPart, readPeerParts, writePeerPart } from '../../src/transport/peer-frame.ts';
import { anAcceptance, anAppend, aRejection, aSnapshotChunk, aSnapshotReply, aVoteReply, aVoteRequest } from '../raft/builders.ts';

const GENERATION = makeGeneration(70, 3);
const LENGTH_BYTES = 4;
const GENERATION_BYTES = 8;
const SENDER = asNodeId(2);
const RECEIVER = asNodeId(1);

function frameOf(...parts: readonly PeerPart[]): Uint8Array {
  const writer = new ByteWriter(256);
  for (const part of parts) writePeerPart(writer, part);
  return writer.copy();
}

const messageFrame = (message: RaftMessage): Uint8Array => frameOf({ type: 'raft', message });
const readFrame = (frame: Uint8Array, { from, to }: RaftMessage) => readPeerParts(frame, from, to);

/** The frame of a release without generations: the same without the last field. */
function frameOfOld(message: RaftMessage): Uint8Array {
  const writer = new ByteWriter(256);
  writer.blob(messageFrame(message).subarray(LENGTH_BYTES, -GENERATION_BYTES));
  return writer.copy();
}

describe.each([
  ['an acceptance', anAcceptance({ match: 9, round: 4, disk: 77, generation: GENERATION }), 'generation'],
  ['a rejection', aRejection({ rejected: 9, hint: { index: 5, term: 2 }, round: 4, disk: 77, generation: GENERATION }), 'generation'],
  ['a request for a vote', aVoteRequest({ last: { index: 5, term: 2 }, voterDisk: 77, voterGeneration: GENERATION }), 'voterGeneration'],
])('%s', (_, message, field) => {
  it('arrives as it was sent', () => {
    expect(readFrame(messageFrame(message), message)).toEqual([{ type: 'raft', message }]);
  });

  it('of a release without generations matches any generation', () => {
    expect(readFrame(frameOfOld(message), message)).toEqual([{ type: 'raft', message: { ...message, [field]: 0 } }]);
  });
});

const aNumber = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 40 });
const sent = { from: SENDER, to: RECEIVER, term: 7 };
const aMessage = fc.constantFrom<RaftMessage>(
  aVoteRequest({ ...sent, last: { index: 5, term: 2 }, preVote: true }),
  aVoteReply({ ...sent, granted: false, removedBy: 3 }),
  anAppend({
    ...sent,
    prev: { index: 4, term: 2 },
    entries: [
      { index: 5, term: 3 },
      { index: 6, term: 7 },
    ],
    commit: 4,
    round: 2 ** 40,
  }),
  anAppend({ ...sent }),
  anAcceptance({ ...sent, match: 9, round: 4, disk: 77, generation: GENERATION }),
  aRejection({ ...sent, rejected: 9, hint: { index: 5, term: 2 } }),
  aSnapshotChunk({ ...sent, snapshot: { index: 8, term: 6 }, chunk: 3, done: false }),
  aSnapshotReply({ ...sent, snapshot: { index: 8, term: 6 }, nextChunk: 4 }),
  { type: 'timeout-now', from: SENDER, to: RECEIVER, term: asTerm(7) },
);
const aPart: fc.Arbitrary<PeerPart> = fc.oneof(
  fc.record({ type: fc.constant('raft' as const), message: aMessage }),
  fc.record({ type: fc.constant('forward' as const), connection: aNumber, request: bytes }),
  fc.record({ type: fc.constant('forward-reply' as const), connection: aNumber, frame: bytes }),
  fc.record({ type: fc.constant('cancel-claim' as const), client: aNumber, sequence: aNumber }),
  fc.record({ type: fc.constant('client-gone' as const), connection: aNumber }),
  fc.record({ type: fc.constant('read-index-request' as const), batch: aNumber, lease: fc.boolean() }),
  fc.record({ type: fc.constant('read-index' as const), batch: aNumber, index: fc.option(aNumber.map(asIndex), { nil: undefined }) }),
  fc.constant({ type: 'version-request' as const }),
  fc.record({ type: fc.constant('version' as const), version: fc.nat({ max: 0xffff }) }),
);
const parts = fc.array(aPart, { maxLength: 6 });

describe('a frame between nodes', () => {
  it('delivers its parts in their order, with sender and receiver of its channel', () => {
    fc.assert(
      fc.property(parts, (all) => {
        expect(readPeerParts(frameOf(...all), SENDER, RECEIVER)).toEqual(all);
      }),
    );
  });

  it('is the sequence of its parts: two frames, one after the other, are one', () => {
    fc.assert(
      fc.property(parts, parts, (first, second) => {
        expect(frameOf(...first, ...second)).toEqual(Uint8Array.of(...frameOf(...first), ...frameOf(...second)));
      }),
    );
  });

  it('carries a payload of several megabytes, which shares its memory', () => {
    const request = new Uint8Array(8 * 1024 * 1024).fill(7);
    const frame = frameOf({ type: 'forward', connection: 1, request }, { type: 'version-request' });
    const [forward, next] = readPeerParts(frame, SENDER, RECEIVER);
    if (forward?.type !== 'forward') throw new Error(`The first part is ${forward?.type}.`);
    expect(Buffer.compare(forward.request, request)).toBe(0);
    expect(forward.request.buffer).toBe(frame.buffer);
    expect(next).toEqual({ type: 'version-request' });
  });
});

describe('a malformed frame', () => {
  const isRead = (frame: Uint8Array): boolean => {
    try {
      readPeerParts(frame, SENDER, RECEIVER);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedBytesError);
      return false;
    }
  };

  it('is rejected wherever it is cut within a part', () => {
    fc.assert(
      fc.property(aPart, aPart, fc.nat(), (first, second, at) => {
        const whole = frameOf(first, second);
        const [start, length] = [frameOf(first).length, frameOf(second).length];
        expect(isRead(whole.subarray(0, start + 1 + (at % (length - 1))))).toBe(false);
      }),
    );
  });

  it('is rejected where a part is of an unknown kind, or has no kind', () => {
    for (const kind of [0, 9, 63, 72, 255]) expect(isRead(Uint8Array.of(1, 0, 0, 0, kind)), `${kind}`).toBe(false);
    expect(isRead(new Uint8Array(LENGTH_BYTES))).toBe(false);
  });

  it('is rejected where a length or a count is larger than what follows', () => {
    const append = messageFrame(anAppend({ ...sent, entries: [{ index: 1, term: 1 }] }));
    const huge = append.slice();
    huge.set([255, 255, 255, 255], 0);
    expect(isRead(huge)).toBe(false);
    // The count of entries is after the kind and five doubles.
    const countAt = LENGTH_BYTES + 1 + 5 * 8;
    expect(append[countAt]).toBe(1);
    const tooMany = append.slice();
    tooMany.set([255, 255, 255, 255], countAt);
    expect(isRead(tooMany)).toBe(false);
  });

  it('is either decoded or rejected as malformed, whatever its bytes are', () => {
    const damaged = fc.tuple(fc.array(aPart, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat({ max: 255 })).map(([all, at, byte]) => {
      const frame = frameOf(...all);
      frame[at % frame.length] = byte;
      return frame;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (frame) => {
        isRead(frame);
      }),
      { numRuns: 2_000 },
    );
  });
});
