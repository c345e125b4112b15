/** Whether `await` would wait for the value. Never throws, independent of the value's getters and traps. */
export function isPromise(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof Reflect.get(value, 'then') === 'function';
  } catch {
    return false;
  }
}

/** The remedy for a promise in place of its value; empty for any other value. */
export const awaitRemedy = (value: unknown): string =>
  isPromise(value) ? 'It is a promise: put "await" before the call that returned it. ' : '';
