import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/**
 * Calls again until the result is neither undefined nor false, regardless of errors in the meantime.
 * @throws after `timeoutMs`, with the last error.
 */
export async function until<T>(what: string, timeoutMs: number, ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  do {
    try {
      const reply = await ask();
      if (reply !== undefined && reply !== false) return reply;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await sleep(POLL_MS);
  } while (performance.now() < deadline);
  const reason = lastError instanceof Error ? ` The last error: ${lastError.message}` : '';
  throw new Error(`Not within ${timeoutMs} ms: ${what}.${reason}`, { cause: lastError });
}
