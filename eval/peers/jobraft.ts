import { Client, type Cluster, Queue, startCluster, Worker } from '../../src/index.ts';
import { faultsOf } from '../../src/testing/index.ts';
import { systemClock } from '../measuring/clock.ts';
import { currentCommit } from '../measuring/provenance.ts';
import type { Peer, PeerConsumerOptions, PeerQueue, RunningPeer } from './peer.ts';

const NODES = 3;
/** Longer than any outage should be: otherwise the end of the pause could end the outage instead of an election. */
const PAUSE_MS = 5000;

/** This package, measured as its peers are. */
export const jobraft: Peer = {
  id: 'jobraft',
  name: 'jobraft',
  nodes: NODES,
  durability: 'Acknowledged when a majority of 3 nodes has it on disk (fsync). The nodes are threads of one process.',
  completion: 'A completion is acknowledged when a majority has it on disk.',
  settings: 'Its defaults.',
  addsInFlight: 4000,
  missing: () => undefined,
  async start({ folder, seed }) {
    const cluster = await startCluster({ nodes: NODES, storage: 'sqlite', durability: 'full', dataDir: folder, seed });
    try {
      await cluster.waitForLeader();
      return runningCluster(cluster);
    } catch (error) {
      await cluster.close();
      throw error;
    }
  },
};

function runningCluster(cluster: Cluster): RunningPeer {
  const client = new Client(cluster);
  return {
    version: currentCommit(),
    client: '',
    openQueue: async (name) => openQueue(client, name),
    failover: {
      async findLeader() {
        const leader = await cluster.waitForLeader();
        let pausedMs = Number.NEGATIVE_INFINITY;
        return {
          async pause() {
            pausedMs = systemClock.nowMs();
            await faultsOf(cluster).pause(leader, PAUSE_MS);
          },
          async resume() {
            // A blocked thread cannot be woken, so the pause has a fixed end.
            if (systemClock.nowMs() >= pausedMs + PAUSE_MS) throw new Error(`The pause ended, after ${PAUSE_MS} ms, before the outage.`);
            await systemClock.waitUntil(pausedMs + PAUSE_MS);
            await caughtUp(cluster, leader);
          },
          kill: () => faultsOf(cluster).kill(leader),
          async restart() {
            await cluster.restart(leader);
            await caughtUp(cluster, leader);
          },
        };
      },
    },
    async stop() {
      await client.close();
      await cluster.close();
    },
  };
}

const EMPTYING_CONCURRENCY = 1000;
const EMPTYING_POLL_MS = 50;

function openQueue(client: Client, name: string): PeerQueue {
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

/** Waits until the restarted node has all entries that the leader has committed, so that every kill finds a complete cluster. */
async function caughtUp(cluster: Cluster, node: number): Promise<void> {
  const deadlineMs = systemClock.nowMs() + CATCH_UP_MS_MAX;
  while (systemClock.nowMs() < deadlineMs) {
    const leader = await cluster.waitForLeader();
    const [ahead, restarted] = await Promise.all([cluster.status(leader), cluster.status(node)]);
    if (restarted.leaderId === leader && restarted.applied >= ahead.commit) return;
    await systemClock.waitUntil(systemClock.nowMs() + CATCH_UP_POLL_MS);
  }
  throw new Error(`Node ${node} did not catch up within ${CATCH_UP_MS_MAX} ms after its restart.`);
}
