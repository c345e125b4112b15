import { inspect, types } from 'node:util';

const UNREADABLE = 'A value was thrown that cannot be described.';

/**
 * A thrown value as the text of a failure: an error's message or name, a string itself, any other value as it is inspected.
 * Never empty, and never throws: user code may throw anything, also a proxy or an object whose getters throw.
 */
export function describeThrown(thrown: unknown): string {
  try {
    return messageOf(thrown) ?? inspect(thrown, { customInspect: false, breakLength: Number.POSITIVE_INFINITY });
  } catch {
    return UNREADABLE;
  }
}

/** The thrown error itself, or an error with {@link describeThrown} as its message and the thrown value as its cause. Never throws. */
export function toError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(describeThrown(thrown), { cause: thrown });
}

/** An error's stack, or its description if it has none. Never throws. */
export function stackOf(error: Error): string {
  const stack = readProperty(error, 'stack');
  return typeof stack === 'string' ? stack : describeThrown(error);
}

function messageOf(thrown: unknown): string | undefined {
  if (typeof thrown === 'string') return thrown === '' ? 'An empty string was thrown.' : thrown;
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const message = readProperty(thrown, 'message');
  if (typeof message === 'string' && message !== '') return message;
  if (!isError(thrown)) return undefined;
  if (typeof message === 'object' && message !== null)
    return inspect(message, { customInspect: false, breakLength: Number.POSITIVE_INFINITY });
  const name = readProperty(thrown, 'name');
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** `instanceof` runs a proxy's traps. Errors of another realm are no instances of this one's class. */
function isError(value: unknown): value is Error {
  try {
    return value instanceof Error || types.isNativeError(value);
  } catch {
    return false;
  }
}

/** @returns the property's value, or `undefined` if reading it throws. */
export function readProperty(from: object, property: string): unknown {
  try {
    return Reflect.get(from, property);
  } catch {
    return undefined;
  }
}
