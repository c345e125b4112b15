import { Client } from '../../src/index.ts';
import { connect, type RemoteCluster } from '../../src/remote/index.ts';
import { caughtUp } from '../measuring/catch-up.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { NodeProcesses } from '../processes/node-processes.ts';
import { openJobraftQueue } from './jobraft-queue.ts';
import type { Peer, RunningPeer } from './peer.ts';

const NODES = 3;

/** This package with each node as a process, by gRPC, as the other systems' nodes are. */
export const jobraftProcesses: Peer = {
  id: 'jobraft-processes',
  name: 'jobraft as processes',
  nodes: NODES,
  durability: 'Acknowledged when a majority of 3 nodes has it on disk (fsync). Each node is a process, by gRPC on the loopback interface.',
  completion: 'A completion is acknowledged when a majority has it on disk.',
  settings: 'Its defaults.',
  addsInFlight: 4000,
  missing: () => undefined,
  async start({ folder }) {
    const nodes = await NodeProcesses.start({ config: { nodes: NODES, durability: 'full' }, dataDir: folder });
    try {
      const cluster = await connect({ endpoints: nodes.endpoints });
      await cluster.waitForLeader();
      return runningProcesses(nodes, cluster);
    } catch (error) {
      await nodes[Symbol.asyncDispose]();
      throw error;
    }
  },
};

function runningProcesses(nodes: NodeProcesses, cluster: RemoteCluster): RunningPeer {
  const client = new Client(cluster);
  return {
    version: currentCommit(),
    client: '',
    openQueue: async (name) => openJobraftQueue(client, name),
    failover: {
      async findLeader() {
        const leader = await cluster.waitForLeader();
        return {
          kill: () => nodes.node(leader).kill(),
          async restart() {
            await nodes.begin(leader);
            await caughtUp(cluster, leader);
          },
          pause: async () => nodes.node(leader).pause(),
          async resume() {
            nodes.node(leader).resume();
            await caughtUp(cluster, leader);
          },
        };
      },
    },
    async stop() {
      await client.close();
      await cluster.close();
      await nodes[Symbol.asyncDispose]();
    },
  };
}
