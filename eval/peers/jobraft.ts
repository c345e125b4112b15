import { Client, type Cluster, startCluster } from '../../src/index.ts';
import { faultsOf } from '../../src/testing/index.ts';
import { caughtUp } from '../measuring/catch-up.ts';
import { systemClock } from '../measuring/clock.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { openJobraftQueue } from './jobraft-queue.ts';
import type { Peer, RunningPeer } from './peer.ts';

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
    openQueue: async (name) => openJobraftQueue(client, name),
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
