import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { makeGeneration } from '../../src/base/generation.ts';
import { asNodeId } from '../../src/base/ids.ts';
import type { RaftMessage } from '../../src/raft/message.ts';
import { readPeerParts, writePeerPart } from '../../src/transport/peer-frame.ts';
import { anAcceptance, aRejection, aVoteRequest } from '../raft/builders.ts';

const GENERATION = makeGeneration(70, 3);
const LENGTH_BYTES = 4;
const GENERATION_BYTES = 8;

function frameOf(message: RaftMessage): Uint8Array {
  const writer = new ByteWriter(256);
  writePeerPart(writer, { type: 'raft', message });
  return writer.copy();
}

const readFrame = (frame: Uint8Array, { from, to }: RaftMessage) => readPeerParts(frame, from, to);

/** The frame of a release without generations: the same without the last field. */
function frameOfOld(message: RaftMessage): Uint8Array {
  const writer = new ByteWriter(256);
  writer.blob(frameOf(message).subarray(LENGTH_BYTES, -GENERATION_BYTES));
  return writer.copy();
}

describe.each([
  ['an acceptance', anAcceptance({ match: 9, round: 4, disk: 77, generation: GENERATION }), 'generation'],
  ['a rejection', aRejection({ rejected: 9, hint: { index: 5, term: 2 }, round: 4, disk: 77, generation: GENERATION }), 'generation'],
  ['a request for a vote', aVoteRequest({ last: { index: 5, term: 2 }, voterDisk: 77, voterGeneration: GENERATION }), 'voterGeneration'],
])('%s', (_, message, field) => {
  it('arrives as it was sent', () => {
    expect(readFrame(frameOf(message), message)).toEqual([{ type: 'raft', message }]);
  });

  it('of a release without generations matches any generation', () => {
    expect(readFrame(frameOfOld(message), message)).toEqual([{ type: 'raft', message: { ...message, [field]: 0 } }]);
  });
});

describe('a truncated frame', () => {
  it('is malformed', () => {
    const frame = frameOf(anAcceptance({ match: 9 }));
    expect(() => readPeerParts(frame.subarray(0, frame.length - 12), asNodeId(2), asNodeId(1))).toThrow(/byte/);
  });
});
