import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noop } from 'cockatiel';
import { Etcd3, type IKeyValue } from 'etcd3';
import { RAFT_DEFAULTS } from '../../src/index.ts';
import { Fifo } from '../load/fifo.ts';
import { clientVersions } from './client-version.ts';
import {
  CLIENT_SILENCE_MS,
  type LeaderFaults,
  type Peer,
  type PeerConsumer,
  type PeerConsumerOptions,
  type PeerQueue,
  type RunningPeer,
} from './peer.ts';
import { RotatingClient } from './rotating-client.ts';
import { findProgram, freePorts, ServerProcess, versionOf, within } from './server-process.ts';

const NODES = 3;
const CALL_MS_MAX = 5000;
const CATCH_UP_MS_MAX = 30_000;

/** etcd rejects an election timeout that is less than five heartbeats. */
const HEARTBEAT_MS = RAFT_DEFAULTS.electionTimeoutMs / 5;

/** Not a queue, but the Raft log that jobraft is most often compared with: an add is a put. */
export const etcd: Peer = {
  id: 'etcd',
  name: 'etcd',
  nodes: NODES,
  durability: 'Acknowledged when a majority of 3 nodes has it on disk (fdatasync of the Raft log).',
  completion: 'A watch reports a job, a transaction claims it if it is free, another deletes it; both are on a majority of disks.',
  settings: `Election timeout ${RAFT_DEFAULTS.electionTimeoutMs} ms as in jobraft, heartbeat ${HEARTBEAT_MS} ms (etcd wants a fifth of it at most), pre-vote, snapshots every 100,000 entries; the client talks to the leader.`,
  addsInFlight: 1000,
  missing: () => (program() === undefined ? 'etcd is not installed (apt-get install etcd-server)' : undefined),
  async start({ folder }) {
    const ports = await freePorts(2 * NODES);
    const nodes = Array.from({ length: NODES }, (_, at): EtcdNode => {
      const clientUrl = `http://127.0.0.1:${ports[2 * at]}`;
      return { name: `etcd-${at}`, clientUrl, peerUrl: `http://127.0.0.1:${ports[2 * at + 1]}`, folder: join(folder, `node-${at}`) };
    });
    const cluster = new EtcdCluster(nodes);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  },
};

const program = (): string | undefined => findProgram('etcd');

interface EtcdNode {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly folder: string;
}

type EtcdStatus = Awaited<ReturnType<Etcd3['maintenance']['status']>>;

class EtcdCluster implements RunningPeer {
  readonly version: string;
  readonly client = clientVersions('etcd3');
  readonly failover = { findLeader: () => this.#findLeader() };
  readonly #nodes: readonly EtcdNode[];
  readonly #servers: ServerProcess[] = [];
  readonly #clients: RotatingClient<Etcd3>;
  readonly #program: string;

  constructor(nodes: readonly EtcdNode[]) {
    this.#nodes = nodes;
    this.#program = program() ?? 'etcd';
    this.version = versionOf(this.#program, '--version');
    this.#clients = new RotatingClient(nodes.map(({ clientUrl }) => openClient(clientUrl)));
  }

  async start(): Promise<void> {
    for (const node of this.#nodes) {
      mkdirSync(node.folder, { recursive: true, mode: 0o700 });
      this.#servers.push(this.#startNode(node));
    }
    await Promise.all(this.#servers.map((server, at) => server.waitUntilReady(() => this.#leaderSeenBy(at))));
    this.#clients.prefer(await this.#leader());
  }

  async openQueue(name: string): Promise<PeerQueue> {
    return new EtcdQueue(name, this.#clients);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.all()) client.close();
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  #startNode(node: EtcdNode): ServerProcess {
    return ServerProcess.start({
      name: node.name,
      command: this.#program,
      args: [
        ...['--name', node.name, '--data-dir', join(node.folder, 'data')],
        ...['--listen-client-urls', node.clientUrl, '--advertise-client-urls', node.clientUrl],
        ...['--listen-peer-urls', node.peerUrl, '--initial-advertise-peer-urls', node.peerUrl],
        ...['--initial-cluster', this.#nodes.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')],
        ...['--initial-cluster-token', 'jobraft-peers', '--log-level', 'warn', '--pre-vote'],
        ...['--heartbeat-interval', String(HEARTBEAT_MS), '--election-timeout', String(RAFT_DEFAULTS.electionTimeoutMs)],
        ...['--snapshot-count', '100000', '--quota-backend-bytes', String(8 * 1024 ** 3)],
      ],
      folder: node.folder,
      logFile: join(node.folder, 'server.log'),
    });
  }

  async #status(at: number) {
    const client = this.#clients.all()[at];
    if (client === undefined) throw new Error('The client is closed.');
    return within(CALL_MS_MAX, 'status', client.maintenance.status());
  }

  /** @returns false while the node has no leader. */
  async #leaderSeenBy(at: number): Promise<boolean> {
    const { leader } = await this.#status(at);
    return leader !== '0' && leader !== undefined;
  }

  /** @returns the place of the node that leads. @throws when none does within the time of a call. */
  async #leader(): Promise<number> {
    const deadlineMs = performance.now() + CALL_MS_MAX;
    while (performance.now() < deadlineMs) {
      const replies = await Promise.allSettled(this.#nodes.map((_, at) => this.#status(at)));
      const at = leaderOf(replies.map((reply) => (reply.status === 'fulfilled' ? reply.value : undefined)));
      if (at >= 0) return at;
      await sleep(20);
    }
    throw new Error('etcd has no leader.');
  }

  async #findLeader(): Promise<LeaderFaults> {
    const at = await this.#leader();
    this.#clients.prefer(at);
    return {
      kill: async () => this.#servers[at]?.kill(),
      restart: () => this.#restart(at),
      pause: async () => {
        this.#clients.avoidSilentNodes(CLIENT_SILENCE_MS);
        this.#servers[at]?.pause();
      },
      resume: async () => {
        this.#servers[at]?.resume();
        this.#clients.avoidSilentNodes(undefined);
        await this.#untilCaughtUp(at);
      },
    };
  }

  async #restart(at: number): Promise<void> {
    const node = this.#nodes[at];
    if (node === undefined) return;
    const server = this.#startNode(node);
    this.#servers[at] = server;
    await server.waitUntilReady(() => this.#leaderSeenBy(at));
    await this.#untilCaughtUp(at);
  }

  async #untilCaughtUp(at: number): Promise<void> {
    const deadlineMs = performance.now() + CATCH_UP_MS_MAX;
    while (performance.now() < deadlineMs) {
      const leader = await this.#leader();
      this.#clients.prefer(leader);
      // A node that was paused may reject calls at first.
      const [ahead, behind] = await Promise.all([leader, at].map((node) => this.#status(node).catch(() => undefined)));
      const isSameLeader = ahead !== undefined && behind?.leader === ahead.leader;
      if (isSameLeader && BigInt(behind.raftIndex) >= BigInt(ahead.raftIndex)) return;
      await sleep(20);
    }
    throw new Error(`${this.#nodes[at]?.name} did not catch up within ${CATCH_UP_MS_MAX} ms.`);
  }
}

/** The place of the node that reports itself as leader in the highest term, since one that was paused still does so in its own; -1: none. */
function leaderOf(replies: readonly (EtcdStatus | undefined)[]): number {
  let best = -1;
  let bestTerm = -1n;
  for (const [at, reply] of replies.entries()) {
    if (reply === undefined || reply.leader !== reply.header.member_id || BigInt(reply.raftTerm) <= bestTerm) continue;
    best = at;
    bestTerm = BigInt(reply.raftTerm);
  }
  return best;
}

function openClient(host: string): Etcd3 {
  // By default gRPC waits up to two minutes before it retries a restarted server.
  const grpcOptions = { 'grpc.initial_reconnect_backoff_ms': 20, 'grpc.min_reconnect_backoff_ms': 20, 'grpc.max_reconnect_backoff_ms': 50 };
  // By default the client rejects calls for five seconds after three failures, which would be part of the outage.
  return new Etcd3({ hosts: [host], dialTimeout: 1000, grpcOptions, faultHandling: { host: () => noop } });
}

class EtcdQueue implements PeerQueue {
  readonly #prefix: string;
  readonly #clients: RotatingClient<Etcd3>;
  #nextJob = 0;

  constructor(name: string, clients: RotatingClient<Etcd3>) {
    this.#prefix = `${name}/`;
    this.#clients = clients;
  }

  async add(payload: Uint8Array): Promise<void> {
    this.#nextJob += 1;
    const key = `${this.#prefix}${String(this.#nextJob).padStart(12, '0')}`;
    await this.#clients.use((client) => client.put(key).value(Buffer.from(payload)).exec());
  }

  async consume(options: PeerConsumerOptions): Promise<PeerConsumer> {
    const waiting = new Fifo<IKeyValue>();
    const watcher = await this.#clients.use((client) => client.watch().prefix(this.#prefix).only('put').create());
    let running = 0;
    const finish = async (job: IKeyValue): Promise<void> => {
      if (await this.#claimAndDelete(job)) options.onCompleted(1);
    };
    const next = (): void => {
      while (running < options.concurrency) {
        const job = waiting.shift();
        if (job === undefined) return;
        running += 1;
        finish(job)
          .catch(options.onError)
          .finally(() => {
            running -= 1;
            next();
          });
      }
    };
    // A claim is a put as well; only the first version of a key is a new job.
    watcher.on('put', (job) => {
      if (job.version !== '1') return;
      waiting.push(job);
      next();
    });
    watcher.on('error', options.onError);
    return {
      async close() {
        await watcher.cancel();
        waiting.clear();
        while (running > 0) await sleep(5);
      },
    };
  }

  async close(): Promise<void> {}

  /** @returns whether this consumer deleted the job. */
  async #claimAndDelete(job: IKeyValue): Promise<boolean> {
    return this.#clients.use(async (client) => {
      const claim = await client.if(job.key, 'Version', '==', 1).then(client.put(job.key).value('claimed')).commit();
      if (!claim.succeeded) return false;
      const done = await client.if(job.key, 'Version', '==', 2).then(client.delete().key(job.key)).commit();
      return done.succeeded;
    });
  }
}
