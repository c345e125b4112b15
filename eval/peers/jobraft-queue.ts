import { type Client, Queue, Worker } from '../../src/index.ts';
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
