const POLL_MS = 5;
/** Ends what never comes true, before the test's own limit does: the failure of the last look says more. */
const GIVE_UP_MS = 100_000;

// A test may replace them.
const { setTimeout: sleep } = globalThis;
const nowMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/** Looks until `look` does not throw. Unlike vi.waitFor it leaves a busy machine its time, and simulated clocks alone. @returns what it saw. */
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
