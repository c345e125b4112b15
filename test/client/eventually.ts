const POLL_MS = 5;
/** Ends an assertion that never passes, before the test's own limit does: the last failure is more useful. */
const GIVE_UP_MS = 100_000;

// A test may replace them.
const { setTimeout: sleep } = globalThis;
const nowMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/** Repeats `look` until it does not throw. Unlike vi.waitFor it tolerates a slow machine and simulated clocks. @returns its result. */
export async function eventually<Seen>(look: () => Seen | Promise<Seen>): Promise<Seen> {
  const untilMs = nowMs() + GIVE_UP_MS;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (nowMs() > untilMs) throw error;
    }
    await new Promise<void>((resolve) => sleep(resolve, POLL_MS));
  }
}
