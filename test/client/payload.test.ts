import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedBytesError } from '../../src/base/bytes.ts';
import { InvalidPayloadError } from '../../src/client/errors.ts';
import { decodeData, decodeName, decodeValue, encodePayload, encodeValue, PayloadWriter } from '../../src/client/payload.ts';
import { PayloadTooLargeError } from '../../src/client/size-errors.ts';

const MEBIBYTE = 1024 * 1024;

describe('the payload of a job', () => {
  it('gives back any name and any JSON value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.jsonValue(), (name, value) => {
        const payload = encodePayload(name, value, MEBIBYTE);
        expect(decodeName(payload)).toBe(name);
        expect(decodeData(payload)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('keeps bytes as they are, without JSON around them', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), (name, bytes) => {
        const payload = encodePayload(name, bytes, MEBIBYTE);
        expect(decodeData(payload)).toEqual(bytes);
        expect(payload.length).toBe(5 + Buffer.byteLength(name) + bytes.length);
      }),
    );
  });

  it('holds more than the shared buffer does', () => {
    const text = 'ü'.repeat(200_000);
    expect(decodeData(encodePayload('large', { text }, MEBIBYTE))).toEqual({ text });
  });

  it('does not change a result when others are encoded afterwards: it is written again into each request that carries it', () => {
    const results = ['first', { text: 'x'.repeat(1_000) }, new Uint8Array([1, 2, 3]), 'ü'.repeat(200_000)];
    const encoded = results.map(encodeValue);
    encodePayload('name', { text: 'y'.repeat(2_000) }, MEBIBYTE);
    expect(encoded.map(decodeValue)).toEqual(results);
    // In memory of its own size: it is kept until it has a reply, and cloned between threads.
    expect(encoded.map(({ buffer, byteLength }) => buffer.byteLength - byteLength)).toEqual([0, 0, 0, 0]);
  });

  it('distinguishes undefined from null', () => {
    expect(decodeData(encodePayload('none', undefined, MEBIBYTE))).toBeUndefined();
    expect(decodeData(encodePayload('null', null, MEBIBYTE))).toBeNull();
    expect(decodeValue(encodeValue(undefined))).toBeUndefined();
    expect(decodeValue(encodeValue(null).slice())).toBeNull();
  });

  it.each([
    ['a BigInt', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('no')],
  ])('rejects %s', (_, data) => {
    expect(() => encodePayload('bad', data, MEBIBYTE)).toThrow(InvalidPayloadError);
  });

  it('follows those written before, for any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 40 }))),
        (jobs) => {
          const writer = new PayloadWriter(0);
          const ends = jobs.map(([name, data]) => {
            writer.write(name, data, MEBIBYTE);
            return writer.length;
          });
          const payloads = ends.map((end, at) => writer.view(ends[at - 1] ?? 0, end));
          expect(payloads.map((payload) => [decodeName(payload), decodeData(payload)])).toEqual(jobs);
        },
      ),
    );
  });

  it('is not written when it is too large', () => {
    const writer = new PayloadWriter(16);
    writer.write('fits', 'x', 12);
    expect(() => writer.write('large', 'x', 12)).toThrow(PayloadTooLargeError);
    expect(writer.length).toBe(12);
  });

  it('stays whole when its toJSON() writes another one', () => {
    const toJSON = (): unknown => decodeData(encodePayload('inner', 'made of the inner', MEBIBYTE));
    const outer = encodePayload('outer', { toJSON }, MEBIBYTE);
    expect([decodeName(outer), decodeData(outer)]).toEqual(['outer', 'made of the inner']);
  });

  it('reports invalid bytes instead of returning them', () => {
    expect(() => decodeData(new Uint8Array([9, 0, 0, 0, 0, 1]))).toThrow(MalformedBytesError);
    expect(() => decodeData(new Uint8Array([1, 0, 0, 0, 0, 0x7b]))).toThrow(MalformedBytesError);
    expect(() => decodeName(new Uint8Array([1, 200, 0, 0, 0]))).toThrow(MalformedBytesError);
  });
});
