import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client, Queue, Worker } from 'jobraft';
import { connect, type RemoteCluster } from 'jobraft/remote';
import { describe, expect, it } from 'vitest';
import { freeAddresses } from '../../eval/processes/free-addresses.ts';
import { NodeProcess, NodeProcesses } from './node-process.ts';
import { aFolder, eventually, PATIENT_MS } from './support.ts';

const KILLS = Number(process.env.JOBRAFT_NODE_KILLS ?? 1);

/** The leader and its term, by a node that follows it. */
async function leadership(cluster: RemoteCluster): Promise<{ readonly leader: number; readonly term: number }> {
  return await eventually('there is a leader', async () => {
    for (const node of cluster.nodeIds()) {
      const { leaderId, term } = await cluster.status(node).catch(() => ({ leaderId: null, term: 0 }));
      if (leaderId !== null && leaderId !== node) return { leader: leaderId, term };
    }
    return undefined;
  });
}

/** Adds jobs one after the other until it is stopped. */
class Producer implements AsyncDisposable {
  readonly acknowledged: string[] = [];
  readonly errors: unknown[] = [];
  readonly #client: Client;
  readonly #queue: Queue;
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(cluster: RemoteCluster) {
    this.#client = new Client(cluster, { deadlineMs: PATIENT_MS });
    this.#queue = new Queue('work', { connection: this.#client });
    this.#ended = this.#add();
  }

  async hasAdded(more: number): Promise<void> {
    const count = this.acknowledged.length + more;
    await eventually('jobs are added', async () => this.acknowledged.length >= count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
    await this.#queue.close();
    await this.#client.close();
  }

  async #add(): Promise<void> {
    for (let n = 0; !this.#isStopped; n += 1) {
      await this.#queue.add('job', { n }).then(
        ({ id }) => this.acknowledged.push(id),
        (error: unknown) => this.errors.push(error),
      );
    }
  }
}

describe('three nodes that are processes', () => {
  it('lose nothing that was acknowledged when the leader is killed and when all are, and recognise repeated calls', async () => {
    using folder = aFolder();
    await using nodes = await NodeProcesses.start(folder.path);
    const ids: string[] = [];
    {
      // One endpoint is enough: the others are learned from it.
      await using cluster = await connect({ endpoints: nodes.endpoints.slice(0, 1) });
      const producer = new Producer(cluster);
      for (let kill = 0; kill < KILLS; kill += 1) {
        await producer.hasAdded(100);
        const { leader } = await leadership(cluster);
        await nodes.node(leader).end('SIGKILL');
        await producer.hasAdded(100);
        await nodes.begin(leader).printed('runs at');
      }
      await producer[Symbol.asyncDispose]();
      expect(producer.errors).toEqual([]);
      ids.push(...producer.acknowledged);
    }
    await Promise.all([1, 2, 3].map((id) => nodes.node(id).end('SIGKILL')));
    await nodes.startAll();
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using client = new Client(cluster, { deadlineMs: PATIENT_MS });
    await using queue = new Queue('work', { connection: client });
    const found = await Promise.all(ids.map((id) => queue.getJob(id)));
    expect(found.filter((job) => job === undefined)).toEqual([]);
    // Each of the jobs is there once: an add that was repeated after a kill was recognised.
    expect((await queue.getJobCounts()).waiting).toBe(ids.length);
    const done = new Set<string>();
    await using worker = new Worker('work', async ({ id }) => done.add(id).size, { connection: cluster, concurrency: 100 });
    await eventually('the jobs are done', async () => done.size === ids.length && (await queue.getJobCounts()).active === 0);
    await worker.close();
    expect([...done].toSorted()).toEqual(ids.toSorted());
  });

  it('hand leadership over on SIGTERM, end with exit code 0, and start again', async () => {
    using folder = aFolder();
    await using nodes = await NodeProcesses.start(folder.path);
    await using cluster = await connect({ endpoints: nodes.endpoints });
    const before = await leadership(cluster);
    {
      await using producer = new Producer(cluster);
      await producer.hasAdded(50);
      expect(await nodes.node(before.leader).end('SIGTERM')).toBe(0);
      expect(nodes.node(before.leader).output).toContain('has stopped');
      expect(nodes.node(before.leader).errorOutput).toBe('');
      await producer.hasAdded(50);
      expect(producer.errors).toEqual([]);
    }
    expect((await leadership(cluster)).leader).not.toBe(before.leader);
    await nodes.begin(before.leader).printed('runs at');
    const follows = async (): Promise<boolean> => (await cluster.status(before.leader).catch(() => undefined))?.leaderId !== null;
    await eventually('it follows the new leader', follows);
    expect(await Promise.all([1, 2, 3].map((id) => nodes.node(id).end('SIGTERM')))).toEqual([0, 0, 0]);
  });

  it('do not form a cluster with a node of another one, and say so', async () => {
    using folder = aFolder();
    const [one, two] = await freeAddresses(2);
    const environment = { JOBRAFT_NODES: `1=${one},2=${two}` };
    await using first = new NodeProcess(1, { ...environment, JOBRAFT_DATA_DIR: join(folder.path, '1'), JOBRAFT_CLUSTER: 'mail' });
    await using other = new NodeProcess(2, { ...environment, JOBRAFT_DATA_DIR: join(folder.path, '2'), JOBRAFT_CLUSTER: 'web' });
    await first.printed('Node 2 belongs to the cluster "web", this node to "mail"');
    await other.printed('Node 1 belongs to the cluster "mail", this node to "web"');
    expect(await other.end('SIGTERM')).toBe(0);
    await using right = new NodeProcess(2, { ...environment, JOBRAFT_DATA_DIR: join(folder.path, '3'), JOBRAFT_CLUSTER: 'mail' });
    await right.printed('runs at');
    await first.printed('runs at');
    // Node 1 is in use now: what has another name has a wrong configuration.
    await right.end('SIGTERM');
    await using late = new NodeProcess(2, { ...environment, JOBRAFT_DATA_DIR: join(folder.path, '4'), JOBRAFT_CLUSTER: 'web' });
    expect(await late.exited()).toBe(2);
    expect(late.errorOutput).toMatch(
      /^jobraft: CONFIG_INVALID: Setting "cluster" has the value "web"\. Node 1 belongs to the cluster "mail".*\n$/,
    );
  });
});

describe('a node that cannot run ends with one line and an exit code that is not 0', () => {
  const one = resolve(import.meta.dirname, '../../config/node-1.yaml');

  it('when its address or its folder is in use, or the folder belongs to another node', async () => {
    using folder = aFolder();
    const [address, other] = await freeAddresses(2);
    const environment = { JOBRAFT_NODES: `1=${address}`, JOBRAFT_DATA_DIR: join(folder.path, '1') };
    await using running = new NodeProcess(1, environment);
    await running.printed('runs at');
    const failure = async (id: number, changed: Record<string, string>): Promise<string> => {
      await using node = new NodeProcess(id, { ...environment, ...changed });
      const code = await node.exited();
      // As docs/cli.md has them: wrong usage, and a cluster that cannot be started.
      expect(code).toBe(node.errorOutput.includes('STORAGE_') ? 3 : 2);
      return node.errorOutput;
    };
    const [addressInUse, folderInUse] = await Promise.all([
      failure(1, { JOBRAFT_DATA_DIR: join(folder.path, '2') }),
      failure(1, { JOBRAFT_NODES: `1=${other}` }),
    ]);
    expect(addressInUse).toMatch(
      /^jobraft: CONFIG_INVALID: Setting "nodes" has the value "127\.0\.0\.1:\d+"\. Another process listens there.*\n$/,
    );
    expect(folderInUse).toMatch(
      /^jobraft: STORAGE_IN_USE: The data folder .* is in use: another process runs a node on it\. End that process, or .*\n$/,
    );
    await running.end('SIGTERM');
    expect(await failure(1, { JOBRAFT_CLUSTER: 'web' })).toMatch(
      /^jobraft: STORAGE_FOREIGN: .*belongs to node 1 of the cluster "jobraft".*\n$/,
    );
    expect(await failure(2, { JOBRAFT_NODES: `2=${other}` })).toMatch(/^jobraft: STORAGE_FOREIGN: .*names node 2.*\n$/);
    await using again = new NodeProcess(1, environment);
    await again.printed('runs at');
    const added = { JOBRAFT_DATA_DIR: join(folder.path, '3'), JOBRAFT_NODES: `1=${address},2=${other}` };
    expect(await failure(2, added)).toMatch(
      /^jobraft: CONFIG_INVALID: .*Node 1 has a cluster already, with the members 1\. Add this node to it with "jobraft serve --join".*\n$/,
    );
  });

  it('when its configuration is wrong', async () => {
    using folder = aFolder();
    const file = join(folder.path, 'node.yaml');
    writeFileSync(file, `${readFileSync(one, 'utf8')}\nelection: 7\n`);
    await using unknown = new NodeProcess(1, { JOBRAFT_DATA_DIR: folder.path }, file);
    await using reachable = new NodeProcess(1, { JOBRAFT_DATA_DIR: folder.path, JOBRAFT_NODES: '1=0.0.0.0:7101' });
    expect(await unknown.exited()).toBe(2);
    expect(unknown.errorOutput).toMatch(/node\.yaml:\d+: "election" has the value 7\. No such setting/);
    expect(await reachable.exited()).toBe(2);
    expect(reachable.errorOutput).toMatch(/"nodes\.0\.address" has the value "0\.0\.0\.0:7101"\. Without certificates/);
  });
});
