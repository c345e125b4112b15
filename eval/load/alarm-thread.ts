import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../measuring/clock.ts';
import { ALARM, type AlarmMemory } from './alarm-clock.ts';

// The only cast: this thread is started in one place, with this data.
const { state, atMs } = workerData as AlarmMemory;

/** Blocks until the alarm is due. @returns false if a later one replaced it. */
function waitFor(alarm: number): boolean {
  for (;;) {
    const leftMs = (atMs[0] ?? 0) - systemClock.nowMs();
    if (Atomics.load(state, ALARM) !== alarm) return false;
    if (leftMs <= 0) return true;
    // The timeout has fractions of a millisecond. The notification of this alarm itself may end the wait, if the thread has seen it before.
    Atomics.wait(state, ALARM, alarm, leftMs);
  }
}

// The thread is ended by terminate().
for (let alarm = 0; ; ) {
  Atomics.wait(state, ALARM, alarm);
  alarm = Atomics.load(state, ALARM);
  if (waitFor(alarm)) parentPort?.postMessage(alarm);
}
