import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../src/remote/index.ts';
import { freeAddresses } from '../processes/free-addresses.ts';
import { type ManagedProcess, type Processes, until } from '../upgrade/processes.ts';
import { type Certificates, filesOf } from './certificates.ts';
import type { RecordedResult } from './recorded.ts';
import { CLUSTER_NAME, type ServeCluster } from './serve-cluster.ts';
import { pythonProgram } from './stubs.ts';

export const LEARNER = 4;

export interface LearnerOptions {
  /** Variables of its process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly certificates: Certificates | undefined;
}

const PAGE = 500;

interface Status {
  readonly term: number;
  readonly leader: number;
  readonly base: number;
  readonly last: number;
  readonly commit: number;
  /** Leaders of different terms that it has followed. */
  readonly leaders: number;
  readonly snapshots: number;
}

interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  readonly sha256: string;
}

/** The learner of `python/learner.py`, and what it shows. */
export class Learner {
  readonly #cluster: ServeCluster;
  readonly #processes: Processes;
  readonly #options: LearnerOptions;
  readonly #file: string;
  readonly #address: string;
  #process: ManagedProcess;
  #earlierLeaders = 0;

  private constructor(cluster: ServeCluster, processes: Processes, options: LearnerOptions, address: string) {
    this.#cluster = cluster;
    this.#processes = processes;
    this.#options = options;
    this.#file = join(options.folder, 'learner.json');
    this.#address = address;
    this.#process = this.#begin();
  }

  /** Resolves once it is a member. */
  static async start(cluster: ServeCluster, processes: Processes, options: LearnerOptions): Promise<Learner> {
    const [address = ''] = await freeAddresses(1);
    const learner = new Learner(cluster, processes, options, address);
    await learner.#joined();
    return learner;
  }

  /** SIGKILL, and a new process, which has nothing. */
  async replace(): Promise<void> {
    this.#earlierLeaders += this.#status()?.leaders ?? 0;
    this.#process.kill();
    await this.#process.ended();
    this.#process = this.#begin();
    await this.#joined();
  }

  /** Compares its log with those of the nodes, once it has what they have. Without load. */
  async finish(): Promise<RecordedResult> {
    const { commit_index: committed } = await this.#cluster.leader();
    await until('the learner has what is committed', () => (this.#status()?.commit ?? 0) >= committed);
    const faults = await this.#membershipFaults();
    this.#process.terminate();
    await this.#process.ended();
    if (this.#process.exitCode !== 0) return { text: 'has failed', faults: [this.#process.endText] };
    // The only cast: the program writes it.
    const { status, entries } = JSON.parse(readFileSync(this.#file, 'utf8')) as { readonly status: Status; readonly entries: Entry[] };
    const compared: string[] = [];
    for (const node of this.#cluster.nodes) {
      const others = await this.#entriesOf(node, status.base + 1, committed);
      const own = new Map(entries.map((entry) => [entry.index, entry]));
      const differing = others.filter((other) => JSON.stringify(own.get(other.index)) !== JSON.stringify(other));
      for (const other of differing.slice(0, 3))
        faults.push(`Node ${node} has ${JSON.stringify(other)}, the learner ${JSON.stringify(own.get(other.index))}.`);
      if (others.length === 0) faults.push(`There is no entry to compare with node ${node}.`);
      compared.push(`${others.length} of node ${node}`);
    }
    const followed = this.#earlierLeaders + status.leaders;
    const held = `entries ${status.base + 1} to ${status.last}, ${status.snapshots} snapshots, ${followed} leaders followed`;
    return { text: `${held}; equal by index, term, kind and SHA-256: ${compared.join(', ')}`, faults };
  }

  /** It receives the log, and no leader counts it. */
  async #membershipFaults(): Promise<string[]> {
    const faults: string[] = [];
    const tls = this.#options.certificates?.('client-test');
    await using cluster = await connect({ endpoints: this.#cluster.endpoints, ...(tls === undefined ? {} : { tls }) });
    const { voters, learners, joining } = await cluster.members();
    if (`${learners}` !== `${LEARNER}` || `${voters}` !== `${this.#cluster.nodes}` || joining.length > 0)
      faults.push(`The members are: voters ${voters}, learners ${learners}, joining ${joining}.`);
    for (const { node, voted_for, leader_id } of await this.#cluster.statuses())
      if (voted_for === LEARNER || leader_id === LEARNER) faults.push(`Node ${node} voted for the learner, or follows it.`);
    return faults;
  }

  async #entriesOf(node: number, from: number, to: number): Promise<Entry[]> {
    const api = this.#cluster.api(node);
    const { first_index: first } = await api.status();
    const found: Entry[] = [];
    // A page may end earlier.
    for (let next = Math.max(first, from); next <= to; next = (found.at(-1)?.index ?? to) + 1) {
      const page = await api.log(next, Math.min(next + PAGE - 1, to));
      if (page.length === 0) throw new Error(`Node ${node} has no entry ${next}, and is to have those up to ${to}.`);
      for (const { index, term, kind, data } of page)
        found.push({ index, term, kind, sha256: createHash('sha256').update(data).digest('hex') });
    }
    return found;
  }

  #begin(): ManagedProcess {
    const { environment: env, certificates } = this.#options;
    const own = [CLUSTER_NAME, `${LEARNER}`, this.#address, this.#cluster.endpoints.join(','), this.#file];
    const args = [pythonProgram('learner.py'), ...own, ...filesOf(certificates?.(`node-${LEARNER}`))];
    return this.#processes.start('The learner', '/usr/bin/python3', args, { env });
  }

  async #joined(): Promise<void> {
    await until('the learner is a member', () => {
      if (!this.#process.isRunning) throw new Error(this.#process.endText);
      return this.#process.output.includes('joined');
    });
  }

  /** What it printed last. */
  #status(): Status | undefined {
    const lines = this.#process.output.split('\n').slice(0, -1);
    const line = lines.findLast((text) => text.startsWith('{'));
    // The only cast: the program prints it.
    return line === undefined ? undefined : (JSON.parse(line) as Status);
  }
}
