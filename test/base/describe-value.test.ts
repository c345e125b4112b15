import { describe, expect, it } from 'vitest';
import { describeValue } from '../../src/base/describe-value.ts';
import { ConfigError } from '../../src/base/errors.ts';
import { InvalidOptionError } from '../../src/client/errors.ts';

class Address {
  readonly street = 'Main';
}
const circular: { self?: unknown } = {};
circular.self = circular;
const revoked = Proxy.revocable({}, {});
revoked.revoke();

describe('a value in an error message', () => {
  it.each([
    ['text', '"text"'],
    ['', '""'],
    [3, '3'],
    [Number.NaN, 'NaN'],
    [12n, '12n'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [[1, 'a'], '[1,"a"]'],
    [{ delay: -1 }, '{"delay":-1}'],
    [{ delay: Number.POSITIVE_INFINITY, count: 5n }, '{"delay":"Infinity","count":"5n"}'],
    [Object.create(null), '{}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [Buffer.alloc(1_000_000), 'an object of the class Buffer'],
    [new Address(), 'an object of the class Address'],
    [function work() {}, 'the function work'],
    [() => 1, 'a function'],
  ])('%# is recognised', (value, text) => expect(describeValue(value)).toBe(text));

  it.each([
    ['circular', circular],
    [
      'a throwing toString and toJSON',
      {
        toString: () => {
          throw new Error('no');
        },
        toJSON: () => {
          throw new Error('no');
        },
      },
    ],
    [
      'a throwing getter',
      {
        get name(): string {
          throw new Error('no');
        },
      },
    ],
    ['a revoked proxy', revoked.proxy],
    ['a class without a constructor', Object.create(Object.create(null))],
    [
      'a function whose name throws',
      Object.defineProperty(() => 1, 'name', {
        get: () => {
          throw new Error('no');
        },
      }),
    ],
    ['a toJSON that returns nothing', { toJSON: () => undefined }],
  ])('never throws: %s', (_, value) => {
    expect(describeValue(value)).toMatch(/^an? /);
    expect(new InvalidOptionError('name', value, 'Give text.').message).toMatch(/Option "name" has the value an? /);
    expect(new ConfigError('name', value, 'Give text.').message).toContain('Give text.');
  });

  it('is cut off when it is long', () => {
    expect(describeValue('x'.repeat(1_000)).length).toBeLessThan(250);
    expect(describeValue(Array.from({ length: 1_000 }, () => 1)).length).toBeLessThan(250);
  });
});
