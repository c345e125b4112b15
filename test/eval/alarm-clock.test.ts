import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { ALARM, type AlarmMemory } from '../../eval/load/alarm-clock.ts';
import { systemClock } from '../../eval/measuring/clock.ts';

/** Long enough that the thread waits before it, except on a very busy machine, where this shows nothing. */
const DUE_MS = 500;

it('an alarm is not lost when its own notification arrives after the thread has read it', async () => {
  const dueMs = systemClock.nowMs() + DUE_MS;
  // Set before the thread starts: it reads the alarm without a notification.
  const memory: AlarmMemory = {
    state: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)).fill(1),
    atMs: new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)).fill(dueMs),
  };
  const thread = new Worker(new URL('../../dist/eval/load/alarm-thread.js', import.meta.url), { workerData: memory });
  try {
    const alarm = new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject));
    while (Atomics.notify(memory.state, ALARM) === 0 && systemClock.nowMs() < dueMs) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await Promise.race([alarm, new Promise((resolve) => setTimeout(resolve, 240_000, 'lost').unref())])).toBe(1);
  } finally {
    await thread.terminate();
  }
});
