import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { isUnrecoverable, UnrecoverableError } from '../../src/client/errors.ts';
import { isolatedListener } from '../../src/client/listeners.ts';
import { describeThrown, stackOf, toError } from '../../src/client/thrown.ts';

const failing = (): never => {
  throw new Error('from a getter');
};
/** Throws on every access. */
const hostile = new Proxy(
  {},
  {
    get: failing,
    has: failing,
    getPrototypeOf: failing,
    getOwnPropertyDescriptor: failing,
    ownKeys: failing,
  },
);
const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
})();
const withGetters = Object.defineProperties(new Error('x'), {
  message: { get: failing },
  name: { get: failing },
  stack: { get: failing },
  toString: { value: failing },
});

const cases: [string, unknown, string | RegExp][] = [
  ['an error', new Error('no luck'), 'no luck'],
  ['an error of another realm', runInNewContext('new Error("far away")'), 'far away'],
  ['an error with an empty message', new TypeError(''), 'TypeError'],
  ['an error with a number as message', Object.assign(new Error('x'), { message: 7 }), 'Error'],
  ['an error with an object as message', Object.assign(new Error('x'), { message: { reason: 7 } }), '{ reason: 7 }'],
  ['an error whose getters throw', withGetters, /./],
  ['an object with a message', { message: 'like an error' }, 'like an error'],
  ['an object without one', { code: 5 }, '{ code: 5 }'],
  ['an object without a prototype', Object.create(null), '[Object: null prototype] {}'],
  ['an object whose toString throws', { toString: failing, [Symbol.toPrimitive]: failing }, /toString/],
  ['text', 'just text', 'just text'],
  ['empty text', '', 'An empty string was thrown.'],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a number', -1, '-1'],
  ['a bigint', 5n, '5n'],
  ['a symbol', Symbol('odd'), 'Symbol(odd)'],
  ['a function', failing, '[Function: failing]'],
  ['a proxy whose traps throw', hostile, /./],
  ['a revoked proxy', revoked, '<Revoked Proxy>'],
];

describe('a value thrown by user code', () => {
  it.each(cases)('is described when it is %s', (_what, thrown, text) => {
    if (typeof text === 'string') expect(describeThrown(thrown)).toBe(text);
    else expect(describeThrown(thrown)).toMatch(text);
  });

  it.each(cases)('can be converted to an error when it is %s', (_what, thrown) => {
    const error = toError(thrown);
    expect(error === thrown || error.cause === thrown).toBe(true);
    expect(stackOf(error)).not.toBe('');
  });

  it.each(cases)('allows another attempt when it is %s', (_what, thrown) => {
    expect(isUnrecoverable(thrown)).toBe(false);
  });

  it('allows none when it is an UnrecoverableError, with any message', () => {
    expect(isUnrecoverable(new UnrecoverableError(''))).toBe(true);
    expect(isUnrecoverable(Object.assign(new UnrecoverableError('x'), { message: null }))).toBe(true);
  });
});

describe('an isolated listener', () => {
  it('emits its error as a warning, and never throws', async () => {
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    isolatedListener('onRepair', () => {
      throw { code: 5 };
    })();
    expect(await warning).toMatchObject({ name: 'JobraftListenerError', message: 'The listener of "onRepair" threw: { code: 5 }' });
  });

  it('does the same if it is async', async () => {
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    isolatedListener('onRepair', () => Promise.reject(new Error('too late')))();
    expect(await warning).toMatchObject({ message: 'The listener of "onRepair" threw: too late' });
  });
});
