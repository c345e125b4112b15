import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/index.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { TaskProcess } from '../processes/task-process.ts';
import { FolderClient } from './folder-client.ts';
import { openJobraftQueue } from './jobraft-queue.ts';
import type { LeaderFaults, Peer, RunningPeer } from './peer.ts';

const NODES = [1, 2, 3];
/** The outage lasts as long: no other process takes over from a host that is stopped. As long as the pause of a thread. */
const PAUSE_MS = 5000;

/** This package with all nodes in another process than the client, which has the same folder open by `openCluster`. */
export const jobraftFolder: Peer = {
  id: 'jobraft-folder',
  name: 'jobraft on a shared folder',
  nodes: NODES.length,
  durability:
    'Acknowledged when a majority of 3 nodes has it on disk (fsync). The nodes are threads of a process that shares a folder with that of the client, by Unix sockets.',
  completion: 'A completion is acknowledged when a majority has it on disk.',
  settings: `Its defaults. The fault of the leader is one of the process that hosts all nodes: killed, the process of the client takes over; silent, it keeps the files until it goes on, after ${PAUSE_MS / 1000} s, and no other process takes over.`,
  addsInFlight: 4000,
  missing: () => undefined,
  async start({ folder }) {
    const hosts = new FolderHosts(folder);
    try {
      await hosts.start();
      return runningFolder(hosts, await FolderClient.open(hosts.options));
    } catch (error) {
      await hosts.end();
      throw error;
    }
  },
};

/** The processes beside that of the client, of which the latest one hosts the nodes. */
class FolderHosts {
  readonly options: { readonly nodes: readonly number[]; readonly durability: 'full'; readonly dataDir: string };
  readonly #processes: TaskProcess[] = [];

  constructor(dataDir: string) {
    this.options = { nodes: NODES, durability: 'full', dataDir };
  }

  get latest(): TaskProcess {
    const latest = this.#processes.at(-1);
    if (latest === undefined) throw new Error('No process hosts the nodes. Start one before.');
    return latest;
  }

  async start(): Promise<void> {
    const started = new TaskProcess({ type: 'host', options: this.options });
    this.#processes.push(started);
    await started.ready();
  }

  async end(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each[Symbol.asyncDispose]()));
  }
}

function runningFolder(hosts: FolderHosts, folder: FolderClient): RunningPeer {
  const client = new Client(folder);
  return {
    version: currentCommit(),
    client: '',
    openQueue: async (name) => openJobraftQueue(client, name),
    failover: { findLeader: async () => faultsOfHost(hosts, folder) },
    async stop() {
      await client.close();
      await folder.close();
      await hosts.end();
    },
  };
}

async function faultsOfHost(hosts: FolderHosts, folder: FolderClient): Promise<LeaderFaults> {
  await folder.cluster.waitForLeader();
  const host = hosts.latest;
  if (folder.cluster.hostPid !== host.pid) throw new Error(`Process ${folder.cluster.hostPid} hosts the nodes, not process ${host.pid}.`);
  let resumed: Promise<void> = Promise.resolve();
  return {
    kill: () => host.kill(),
    async restart() {
      await hosts.start();
      await folder.leaveToOthers();
      await folder.cluster.waitForLeader();
    },
    async pause() {
      host.pause();
      resumed = sleep(PAUSE_MS).then(() => host.resume());
    },
    async resume() {
      await resumed;
      await folder.cluster.waitForLeader();
    },
  };
}
