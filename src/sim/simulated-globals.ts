import { syncBuiltinESMExports } from 'node:module';
import type { Schedule } from '../base/schedule.ts';
import type { SimRandom } from './sim-random.ts';

/** A pending timer, which may be cleared. */
interface Planned {
  isCancelled: boolean;
}

/**
 * Runs code that uses the runtime's clock, timers and randomness in simulated time, until the returned object is disposed. The simulator is
 * synchronous, so no other code of this thread runs in that time.
 */
export function simulateGlobals(schedule: Schedule, random: SimRandom): Disposable {
  const plan = (run: () => void, delayMs = 0): Planned => {
    const planned: Planned = { isCancelled: false };
    schedule.after(delayMs, () => {
      if (!planned.isCancelled) run();
    });
    return planned;
  };
  const cancel = (planned: Planned | undefined): void => {
    if (planned !== undefined) planned.isCancelled = true;
  };
  const inOneTurn = (run: () => void): Planned => plan(run);
  const undo = [
    replaceIn(globalThis, {
      setTimeout: plan,
      clearTimeout: cancel,
      setImmediate: inOneTurn,
      clearImmediate: cancel,
      queueMicrotask: inOneTurn,
    }),
    replaceIn(process, { nextTick: inOneTurn }),
    replaceIn(performance, { now: () => schedule.nowMs }),
    replaceIn(Math, { random: () => random.between(0, 1) }),
    // The exports of `node:crypto` come from here.
    replaceIn(globalThis.crypto, { getRandomValues: (words: Uint32Array) => fill(words, random) }),
  ];
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      for (const each of undo) each();
      syncBuiltinESMExports();
    },
  };
}

/** @returns a function that restores the object's own properties, and uncovers those of its prototype. */
function replaceIn(target: object, replacements: Readonly<Record<string, unknown>>): () => void {
  const originals = Object.keys(replacements).map((name) => [name, Object.getOwnPropertyDescriptor(target, name)] as const);
  for (const [name, value] of Object.entries(replacements))
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  return () => {
    for (const [name, original] of originals) {
      if (original === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, original);
    }
  };
}

function fill(words: Uint32Array, random: SimRandom): Uint32Array {
  for (let at = 0; at < words.length; at += 1) words[at] = random.uint32();
  return words;
}
