import { readFileSync } from 'node:fs';

const NANOSECONDS_PER_MS = 1e6;

/** CPU time of the calling thread in milliseconds, or null where the system does not report it (it is read from Linux's scheduler). */
export function threadCpuMs(): number | null {
  try {
    const running = Number.parseInt(readFileSync('/proc/thread-self/schedstat', 'utf8'), 10);
    return Number.isFinite(running) ? running / NANOSECONDS_PER_MS : null;
  } catch {
    return null;
  }
}
