import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedBytesError } from '../../src/base/bytes.ts';
import { decodeData, decodeName, decodeValue, encodeContent, encodeValue } from '../../src/client/content.ts';
import { InvalidPayloadError } from '../../src/client/errors.ts';

describe('the content of a job', () => {
  it('gives back any name and any JSON value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.jsonValue(), (name, value) => {
        const content = encodeContent(name, value).slice();
        expect(decodeName(content)).toBe(name);
        expect(decodeData(content)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('keeps bytes as they are, without JSON around them', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), (name, bytes) => {
        const content = encodeContent(name, bytes).slice();
        expect(decodeData(content)).toEqual(bytes);
        expect(content.length).toBe(5 + Buffer.byteLength(name) + bytes.length);
      }),
    );
  });

  it('holds more than the shared buffer does', () => {
    const text = 'ü'.repeat(200_000);
    expect(decodeData(encodeContent('large', { text }))).toEqual({ text });
  });

  it('tells undefined from null', () => {
    expect(decodeData(encodeContent('none', undefined).slice())).toBeUndefined();
    expect(decodeData(encodeContent('null', null).slice())).toBeNull();
    expect(decodeValue(encodeValue(undefined))).toBeUndefined();
    expect(decodeValue(encodeValue(null).slice())).toBeNull();
  });

  it.each([
    ['a BigInt', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('no')],
  ])('refuses %s', (_, data) => {
    expect(() => encodeContent('bad', data)).toThrow(InvalidPayloadError);
  });

  it('reports foreign bytes instead of serving them', () => {
    expect(() => decodeData(new Uint8Array([9, 0, 0, 0, 0, 1]))).toThrow(MalformedBytesError);
    expect(() => decodeData(new Uint8Array([1, 0, 0, 0, 0, 0x7b]))).toThrow(MalformedBytesError);
    expect(() => decodeName(new Uint8Array([1, 200, 0, 0, 0]))).toThrow(MalformedBytesError);
  });
});
