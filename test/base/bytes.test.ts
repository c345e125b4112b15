import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, MalformedBytesError } from '../../src/base/bytes.ts';

const written = (write: (writer: ByteWriter) => void, capacityBytes?: number): Uint8Array => {
  const writer = new ByteWriter(capacityBytes);
  write(writer);
  return writer.copy();
};

describe('a value that was written is read again', () => {
  it.each([
    ['u8', [0, 1, 127, 128, 255]],
    ['u16', [0, 1, 255, 256, 65_535]],
    ['u32', [0, 1, 65_536, 2 ** 31, 2 ** 32 - 1]],
    ['f64', [0, -0, 1.5, -1, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN]],
    ['varint', [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 42, 2 ** 49 - 1, 2 ** 49, 2 ** 53 - 1, 2 ** 53]],
  ] as const)('as %s', (kind, values) => {
    const bytes = written((writer) => {
      for (const value of values) writer[kind](value);
    });
    const reader = new ByteReader(bytes);
    expect(values.map(() => reader[kind]())).toEqual([...values]);
    expect(reader.remaining).toBe(0);
  });

  it('as varint, in as many bytes as it needs', () => {
    const lengths = [0, 127, 128, 2 ** 14 - 1, 2 ** 14, 2 ** 21, 2 ** 49 - 1, 2 ** 49, 2 ** 53].map(
      (value) => written((to) => to.varint(value)).length,
    );
    expect(lengths).toEqual([1, 1, 2, 2, 3, 4, 7, 8, 8]);
  });

  it('as varint, for every integer', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(new ByteReader(written((writer) => writer.varint(value))).varint()).toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    '',
    'plain',
    'exactly twenty-four bytes',
    'a text of more than twenty-four ASCII bytes',
    'naïve café',
    '日本語のジョブ',
    '🙂',
    'a\u0000b',
    'x'.repeat(10_000),
  ])('as text: %j', (text) => {
    expect(new ByteReader(written((writer) => writer.text(text), 4)).text()).toBe(text);
  });

  it('as text that begins with a byte-order mark, which belongs to the text', () => {
    expect(new ByteReader(written((writer) => writer.text('\uFEFFmarked'))).text()).toBe('\uFEFFmarked');
  });

  it('as text, for every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        expect(new ByteReader(written((writer) => writer.text(text))).text()).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('as a blob, shared with the input', () => {
    const bytes = written((writer) => writer.blob(Uint8Array.of(1, 2, 3)));
    const blob = new ByteReader(bytes).blob();
    expect(blob).toEqual(Uint8Array.of(1, 2, 3));
    expect(blob.buffer).toBe(bytes.buffer);
  });

  it('in any order of kinds, from a buffer that had to grow', () => {
    const bytes = written((writer) => {
      writer.u8(7);
      writer.text('grün');
      writer.f64(-2.5);
      writer.blob(new Uint8Array(100).fill(9));
      writer.varint(300);
      writer.u16(513);
    }, 1);
    const reader = new ByteReader(bytes);
    expect([reader.u8(), reader.text(), reader.f64(), reader.blob().length, reader.varint(), reader.u16()]).toEqual([
      7,
      'grün',
      -2.5,
      100,
      300,
      513,
    ]);
  });
});

describe('a writer', () => {
  it('is little-endian', () => {
    expect([...written((writer) => writer.u32(0x01020304))]).toEqual([4, 3, 2, 1]);
    expect([...written((writer) => writer.u16(0x0102))]).toEqual([2, 1]);
  });

  it('clears with reset, and shortens with truncate', () => {
    const writer = new ByteWriter();
    writer.u32(1);
    writer.u8(2);
    writer.truncate(4);
    expect(writer.length).toBe(4);
    writer.truncate(99);
    expect(writer.length).toBe(4);
    writer.reset();
    expect(writer.length).toBe(0);
    expect(writer.view()).toHaveLength(0);
  });

  it('patches what it reserved', () => {
    const writer = new ByteWriter();
    const at = writer.reserve(4);
    writer.text('body');
    writer.patchU32(at, writer.length);
    expect(new ByteReader(writer.copy()).u32()).toBe(12);
  });

  it('gives a copy that later writes do not touch', () => {
    const writer = new ByteWriter();
    writer.u8(1);
    const copy = writer.copy();
    writer.reset();
    writer.u8(2);
    expect([...copy]).toEqual([1]);
    expect([...writer.view()]).toEqual([2]);
  });
});

describe('a reader of arbitrary bytes', () => {
  it.each([
    ['u8', 0],
    ['u16', 1],
    ['u32', 3],
    ['f64', 7],
  ] as const)('rejects %s at the end', (kind, count) => {
    expect(() => new ByteReader(new Uint8Array(count))[kind]()).toThrow(MalformedBytesError);
  });

  it.each(['text', 'blob'] as const)('rejects a %s that is longer than what is there', (kind) => {
    const bytes = written((writer) => {
      writer.u32(5);
      writer.raw(Uint8Array.of(97, 97, 97, 97));
    });
    expect(() => new ByteReader(bytes)[kind]()).toThrow(/5 bytes wanted at 4, 4 left/);
  });

  it.each([
    ['a lone continuation byte', [0x80]],
    ['a sequence that is cut off', [0xe6, 0x97]],
    ['a byte that UTF-8 does not have', [0xff]],
    ['an overlong form', [0xc0, 0x80]],
  ])('rejects a text with %s', (_name, bytes) => {
    for (const padding of [0, 40]) {
      const text = [...new Array<number>(padding).fill(97), ...bytes];
      expect(() => new ByteReader(written((writer) => writer.blob(Uint8Array.from(text)))).text()).toThrow(/not valid UTF-8/);
    }
  });

  it('rejects a varint that does not end', () => {
    expect(() => new ByteReader(new Uint8Array(20).fill(0x80)).varint()).toThrow(/longer than eight bytes/);
    expect(() => new ByteReader(new Uint8Array(3).fill(0x80)).varint()).toThrow(MalformedBytesError);
  });

  it('keeps to its part of the bytes', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4), 1, 3);
    expect([reader.u8(), reader.remaining, reader.u8(), reader.position]).toEqual([2, 1, 3, 3]);
    expect(() => reader.u8()).toThrow(MalformedBytesError);
  });

  it('reads a view into a larger buffer', () => {
    const large = Uint8Array.of(0, 0, 0, 0, 5, 0, 0, 0);
    expect(new ByteReader(large.subarray(4)).u32()).toBe(5);
  });

  it('never throws any other error', () => {
    const kinds = ['u8', 'u16', 'u32', 'f64', 'varint', 'text', 'blob'] as const;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(fc.constantFrom(...kinds), { maxLength: 10 }), (bytes, reads) => {
        const reader = new ByteReader(bytes);
        try {
          for (const kind of reads) reader[kind]();
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError);
        }
        expect(reader.remaining).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});
