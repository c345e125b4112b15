import { types } from 'node:util';
import { describeThrown, stackOf, toError } from './thrown.ts';

/**
 * Calls each listener, independent of the others. `EventEmitter.emit` stops at the first that throws, and its error reaches the code
 * that emits: a job would never end, or a promise would reject.
 * @param listeners as `rawListeners()` returns them, so that those registered with `once` are removed when they are called.
 * @param onThrown receives the error of a listener, thrown or as the rejection of an async one.
 */
export function callListeners(
  listeners: readonly (typeof Function.prototype)[],
  emitter: object,
  args: readonly unknown[],
  onThrown: (thrown: unknown) => void,
): void {
  for (const listener of listeners) {
    try {
      const returned: unknown = Reflect.apply(listener, emitter, args);
      if (types.isPromise(returned)) returned.then(undefined, onThrown);
    } catch (thrown) {
      onThrown(thrown);
    }
  }
}

/** The same listener, but it never throws: its error becomes a process warning. @param name of its event. */
export function isolatedListener<Args extends readonly unknown[]>(
  name: string,
  listener: (...args: Args) => unknown,
): (...args: Args) => void {
  return (...args) => callListeners([listener], globalThis, args, (thrown) => warnOfThrown(name, thrown));
}

/** Emits a warning for a listener's error. As text: Node.js prints a warning that is an error with the error's own `toString`. */
export function warnOfThrown(name: string, thrown: unknown): void {
  const error = toError(thrown);
  process.emitWarning(`The listener of "${name}" threw: ${describeThrown(error)}`, {
    type: 'JobraftListenerError',
    detail: stackOf(error),
  });
}
