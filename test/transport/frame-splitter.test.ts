import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedBytesError } from '../../src/base/bytes.ts';
import { FrameSplitter, frameHeader } from '../../src/transport/frame-splitter.ts';

const streamOf = (frames: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(frames.flatMap((frame) => [frameHeader(frame.length), frame]));

function framesOf(splitter: FrameSplitter): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) frames.push(frame);
  return frames;
}

describe('frames on a byte stream', () => {
  it('arrive as they were sent, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 12 }), (sent, cuts) => {
        const stream = streamOf(sent);
        const splitter = new FrameSplitter(() => 40);
        const received: Uint8Array[] = [];
        let from = 0;
        for (const cut of [...cuts.map((at) => Math.min(at, stream.length)).toSorted((one, other) => one - other), stream.length]) {
          splitter.push(stream.slice(from, cut));
          received.push(...framesOf(splitter));
          from = cut;
        }
        expect(received.map((frame) => Buffer.from(frame).toString('hex'))).toEqual(
          sent.map((frame) => Buffer.from(frame).toString('hex')),
        );
      }),
    );
  });

  it('are rejected by their length alone when they are larger than allowed', () => {
    const splitter = new FrameSplitter(() => 100);
    splitter.push(frameHeader(101));
    expect(() => splitter.next()).toThrow(new MalformedBytesError('a frame of 101 bytes; at most 100 are accepted'));
  });

  it('are bounded by what is allowed when they are read, not when they arrive', () => {
    let bytesMax = 2;
    const splitter = new FrameSplitter(() => bytesMax);
    splitter.push(streamOf([new Uint8Array(2), new Uint8Array(3)]));
    expect(splitter.next()).toHaveLength(2);
    bytesMax = 3;
    expect(splitter.next()).toHaveLength(3);
  });
});
