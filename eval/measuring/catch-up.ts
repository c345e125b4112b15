import { systemClock } from './clock.ts';

/** What is asked of a cluster, however its nodes run. */
export interface ObservedCluster {
  waitForLeader(): Promise<number>;
  status(node: number): Promise<{ readonly leaderId: number | null; readonly applied: number; readonly commit: number }>;
}

const CATCH_UP_MS_MAX = 60_000;
const CATCH_UP_POLL_MS = 2;

/** Waits until a node follows the leader and has applied what the leader has committed. @throws when that takes a minute. */
export async function caughtUp(cluster: ObservedCluster, node: number): Promise<void> {
  if (await catchesUp(cluster, node, CATCH_UP_MS_MAX)) return;
  throw new Error(`Node ${node} did not catch up within ${CATCH_UP_MS_MAX} ms.`);
}

/** The same for at most `withinMs`, and until the signal aborts. @returns whether it did. */
export async function catchesUp(cluster: ObservedCluster, node: number, withinMs: number, signal?: AbortSignal): Promise<boolean> {
  const deadlineMs = systemClock.nowMs() + withinMs;
  while (systemClock.nowMs() < deadlineMs && signal?.aborted !== true) {
    const leader = await cluster.waitForLeader();
    // A node process that was killed or paused may not reply at first.
    const [ahead, behind] = await Promise.all([leader, node].map((of) => cluster.status(of).catch(() => undefined)));
    if (ahead !== undefined && behind?.leaderId === leader && behind.applied >= ahead.commit) return true;
    await systemClock.waitUntil(systemClock.nowMs() + CATCH_UP_POLL_MS, signal);
  }
  return false;
}
