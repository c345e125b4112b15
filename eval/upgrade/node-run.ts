import { join } from 'node:path';
import { connect, type RemoteCluster } from '../../src/remote/index.ts';
import { freeAddresses } from '../processes/free-addresses.ts';
import type { Build } from './builds.ts';
import type { ClientProcess } from './client-process.ts';
import { drained, finalState, replicasOfProcesses } from './inspection.ts';
import { NODES } from './messages.ts';
import { type ManagedProcess, type Processes, until } from './processes.ts';
import { Run } from './run.ts';
import { rejectionIn } from './verdict.ts';

export interface NodeRunPlan {
  readonly from: Build;
  readonly to: Build;
  /** Which nodes are replaced first. */
  readonly first: 'followers' | 'leader';
}

/** The node to replace next. */
export function nextNode(pending: readonly number[], leader: number, first: NodeRunPlan['first']): number | undefined {
  const followers = pending.filter((node) => node !== leader);
  return first === 'leader' && pending.includes(leader) ? leader : (followers[0] ?? pending[0]);
}

/** Nodes that are processes of one build, and are replaced by those of another build, one after the other, under load. */
export class NodeRun extends Run {
  readonly #plan: NodeRunPlan;
  readonly #folder: string;
  readonly #nodes = new Map<number, ManagedProcess>();
  #endpoints: readonly string[] = [];
  #clients: readonly ClientProcess[] = [];
  #cluster: RemoteCluster | undefined;

  constructor(plan: NodeRunPlan, processes: Processes, folder: string) {
    const { from, to, first } = plan;
    super(`processes, ${from.name} to ${to.name}, ${first} first`, processes);
    this.#plan = plan;
    this.#folder = folder;
  }

  protected async perform(): Promise<void> {
    const { from, to, first } = this.#plan;
    this.#endpoints = await freeAddresses(NODES);
    const pending = this.#endpoints.map((_, at) => at + 1);
    for (const id of pending) this.#begin(id, from);
    for (const id of pending) await this.#runs(id);
    const cluster = await connect({ endpoints: this.#endpoints });
    this.#cluster = cluster;
    this.#clients = [from, to].map((build) => this.client(build, { endpoints: this.#endpoints }));
    for (const client of this.#clients) await client.opened();
    await this.#step(`nodes 1 to ${NODES} are ${from.name}`);
    while (this.rejection === undefined) {
      const id = nextNode(pending, await cluster.waitForLeader(), first);
      if (id === undefined) break;
      pending.splice(pending.indexOf(id), 1);
      await this.#replace(id, cluster);
    }
    // What a change of leader alone costs, to compare with.
    await cluster.transferLeadership();
    await this.#step('leadership transferred');
    for (const client of this.#clients) await client.stopAdding();
    await drained(cluster);
    for (const client of this.#clients) await client.close();
    this.found = await finalState(cluster, () => replicasOfProcesses(cluster));
    this.row('all jobs are completed', await cluster.leader());
  }

  protected async end(): Promise<void> {
    await this.#cluster?.close();
    for (const node of this.#nodes.values()) if (!node.isRunning) this.faults.push(node.endText);
    await Promise.all([...this.#nodes.keys()].map((id) => this.#stop(id)));
  }

  async #replace(id: number, cluster: RemoteCluster): Promise<void> {
    const { from, to } = this.#plan;
    const { commit } = await cluster.status(id);
    await this.#stop(id);
    this.#begin(id, to);
    if (await this.#follows(id, commit, cluster)) {
      await this.#step(`node ${id}: ${from.name} to ${to.name}`);
      return;
    }
    // An older build that does not open what a newer one wrote: the cluster goes on with the newer one.
    this.rejection = rejectionIn(this.#node(id).errorOutput);
    if (to.name !== 'old' || this.rejection === undefined) throw new Error(this.#node(id).endText);
    this.#begin(id, from);
    if (!(await this.#follows(id, commit, cluster))) throw new Error(this.#node(id).endText);
    await this.#step(`node ${id}: ${to.name} rejects the data, ${from.name} again`);
  }

  async #step(what: string): Promise<void> {
    for (const client of this.#clients) await client.progressed();
    for (const client of this.#clients) if (client.rejection !== undefined) throw new Error(client.rejection.text);
    this.row(what, await this.#cluster?.leader());
  }

  /** @returns false once its process has ended. */
  async #follows(id: number, commit: number, cluster: RemoteCluster): Promise<boolean> {
    await until(`node ${id} has applied entry ${commit}, and follows a leader`, async () => {
      if (!this.#node(id).isRunning) return true;
      const status = await cluster.status(id).catch(() => undefined);
      return status !== undefined && status.leaderId !== null && status.applied >= commit;
    });
    return this.#node(id).isRunning;
  }

  #begin(id: number, { name, root }: Build): void {
    const args = [join(root, 'dist/src/cli/main.js'), 'serve', '--config', join(root, `config/node-${id}.yaml`)];
    const env = {
      JOBRAFT_DATA_DIR: join(this.#folder, `node-${id}`),
      JOBRAFT_NODES: this.#endpoints.map((endpoint, at) => `${at + 1}=${endpoint}`).join(','),
    };
    this.#nodes.set(id, this.processes.start(`Node ${id} of the ${name} build`, process.execPath, args, { env }));
  }

  async #runs(id: number): Promise<void> {
    await until(`node ${id} runs`, () => this.#node(id).output.includes('runs at') || !this.#node(id).isRunning);
    if (!this.#node(id).isRunning) throw new Error(this.#node(id).endText);
  }

  async #stop(id: number): Promise<void> {
    const node = this.#node(id);
    if (!node.isRunning) return;
    node.terminate();
    if (!(await node.ended()) || node.exitCode !== 0) this.faults.push(`After SIGTERM: ${node.endText}`);
  }

  #node(id: number): ManagedProcess {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`Node ${id} was not started.`);
    return node;
  }
}
