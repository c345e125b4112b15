/** Whether `await` would wait for it. Never throws, whatever the value's getters and traps do. */
export function isPromise(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof Reflect.get(value, 'then') === 'function';
  } catch {
    return false;
  }
}

/** What to do about a promise that was given in place of what it resolves to; empty for any other value. */
export const awaitRemedy = (value: unknown): string =>
  isPromise(value) ? 'It is a promise: put "await" before the call that returned it. ' : '';
