import { type Client, type Cluster, Queue, Worker } from '../../src/index.ts';
import { systemClock } from '../measuring/clock.ts';
import type { PeerConsumerOptions, PeerQueue } from './peer.ts';

const EMPTYING_CONCURRENCY = 1000;
const EMPTYING_POLL_MS = 50;

/** A queue of a jobraft cluster, however its nodes run. */
export function openJobraftQueue(client: Client, name: string): PeerQueue {
  const queue = new Queue<Uint8Array>(name, { connection: client });
  return {
    add: async (payload) => void (await queue.add('message', payload)),
    async consume({ concurrency, onCompleted, onError }: PeerConsumerOptions) {
      const worker = new Worker<Uint8Array, null>(name, async () => null, { connection: client, concurrency });
      worker.on('completed', () => onCompleted(1));
      worker.on('error', onError);
      return { close: () => worker.close() };
    },
    async empty(signal) {
      let failure: unknown;
      const worker = new Worker<Uint8Array, null>(name, async () => null, { connection: client, concurrency: EMPTYING_CONCURRENCY });
      worker.on('error', (error) => {
        failure ??= error;
      });
      try {
        while (!signal.aborted && (await queue.getJobCounts()).waiting > 0) {
          if (failure !== undefined) throw failure;
          await systemClock.waitUntil(systemClock.nowMs() + EMPTYING_POLL_MS, signal);
        }
      } finally {
        await worker.close();
      }
    },
    close: () => queue.close(),
  };
}

const CATCH_UP_MS_MAX = 20_000;
const CATCH_UP_POLL_MS = 5;

/** Waits until a node that was killed or paused has all entries that the leader has committed, so that every kill finds a complete cluster. */
export async function caughtUp(cluster: Pick<Cluster, 'waitForLeader' | 'status'>, node: number): Promise<void> {
  const deadlineMs = systemClock.nowMs() + CATCH_UP_MS_MAX;
  while (systemClock.nowMs() < deadlineMs) {
    const leader = await cluster.waitForLeader();
    // The process of a node that was paused may not reply at first.
    const [ahead, behind] = await Promise.all([leader, node].map((of) => cluster.status(of).catch(() => undefined)));
    if (ahead !== undefined && behind?.leaderId === leader && behind.applied >= ahead.commit) return;
    await systemClock.waitUntil(systemClock.nowMs() + CATCH_UP_POLL_MS);
  }
  throw new Error(`Node ${node} did not catch up within ${CATCH_UP_MS_MAX} ms after a fault.`);
}
