import { Readable } from 'node:stream';
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { rangeOf } from '../../src/cli/commands/log.ts';
import { UsageError } from '../../src/cli/exit-codes.ts';
import { clockTime, isoTime } from '../../src/cli/times.ts';
import { parseJson, readData, readText, secondsIn, wholeNumber } from '../../src/cli/values.ts';

const notAborted = (): AbortSignal => new AbortController().signal;

describe('a value of the command line', () => {
  it('that is a whole number', () => {
    const parse = wholeNumber(1);
    expect(['1', '42', '0042'].map(parse)).toEqual([1, 42, 42]);
    for (const text of ['', '0', '-1', '1.5', '1e3', '0x10', ' 1', 'one', '9007199254740993'])
      expect(() => parse(text), text).toThrow(InvalidArgumentError);
    expect(() => parse('0')).toThrow('Give a whole number of at least 1.');
  });

  it('that is a number of seconds', () => {
    const parse = secondsIn(0.1, 3_600);
    expect(['1', '0.5', '3600'].map(parse)).toEqual([1, 0.5, 3_600]);
    for (const text of ['', '0', '0.05', '-1', '3601', '1s', '.5', 'emails']) expect(() => parse(text), text).toThrow(InvalidArgumentError);
    expect(() => parse('1s')).toThrow('Give a number of seconds from 0.1 to 3600.');
  });

  it('that is JSON', () => {
    expect(parseJson('{"to":["ada"]}', 'The data')).toEqual({ to: ['ada'] });
    expect(() => parseJson('{\n  to: 1 }', 'The data')).toThrow(UsageError);
    expect(() => parseJson('{\n  to: 1 }', 'The data')).toThrow('The data is not JSON: "t" is unexpected at line 2, column 3.');
    expect(() => parseJson('[1', 'Standard input')).toThrow('Standard input is not JSON: it ends too early at line 1, column 3.');
  });
});

describe('standard input', () => {
  it('is read to its end, also where a character is in two pieces', async () => {
    const bytes = Buffer.from('{"to":"Grüße"}');
    const at = bytes.indexOf(Buffer.from('ü')) + 1;
    expect(await readText(Readable.from([bytes.subarray(0, at), bytes.subarray(at)]), notAborted())).toBe('{"to":"Grüße"}');
  });

  it('that is not UTF-8 is rejected', async () => {
    await expect(readText(Readable.from([Buffer.from([0xff])]), notAborted())).rejects.toThrow('Standard input is not UTF-8.');
  });

  it('that is too long is rejected', async () => {
    const mebibyte = Buffer.alloc(1024 * 1024, 'x');
    const endless = Readable.from(
      (function* () {
        for (;;) yield mebibyte;
      })(),
    );
    await expect(readText(endless, notAborted())).rejects.toThrow('Standard input has more than 67108864 bytes.');
  });

  it('is no longer awaited once the command is interrupted', async () => {
    const controller = new AbortController();
    const open = new Readable({ read: () => undefined });
    const reading = readText(open, controller.signal);
    controller.abort(130);
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  });
});

const RANGES: readonly (readonly [given: Parameters<typeof rangeOf>[0], first: number, last: number, range: object])[] = [
  [{}, 1, 100, { from: 81, to: 100 }],
  [{}, 90, 100, { from: 90, to: 100 }],
  [{ from: 5 }, 1, 100, { from: 5, to: 100 }],
  [{ to: 50 }, 1, 100, { from: 31, to: 50 }],
  [{ from: 5, to: 7 }, 1, 100, { from: 5, to: 7 }],
  [{ from: 5, to: 500 }, 10, 100, { from: 10, to: 100 }],
];

describe('a range of log entries', () => {
  it.each(RANGES)('%j of the entries %i to %i is %j', (given, first, last, range) => expect(rangeOf(given, first, last)).toEqual(range));

  it('that ends before it begins is rejected', () => {
    expect(() => rangeOf({ from: 7, to: 5 }, 1, 100)).toThrow('--from 7 is after --to 5. Exchange them.');
  });
});

describe('a time', () => {
  it('is the local time of day, or a date in UTC', () => {
    expect(clockTime(new Date(2026, 0, 2, 3, 4, 5))).toBe('03:04:05');
    expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(isoTime(undefined)).toBeUndefined();
  });
});

describe('data', () => {
  it('are a JSON value, or that of standard input, or nothing', async () => {
    const from = { stdin: () => Readable.from([Buffer.from('[1]')]), signal: notAborted() };
    expect([await readData('{"a":2}', from), await readData('-', from), await readData(undefined, from)]).toEqual([
      { a: 2 },
      [1],
      undefined,
    ]);
    await expect(readData('x', from)).rejects.toThrow('The data is not JSON');
  });
});
