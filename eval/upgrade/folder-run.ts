import { openCluster } from '../../src/index.ts';
import type { Build } from './builds.ts';
import type { ClientProcess } from './client-process.ts';
import { drained, finalState, replicasOfFolder } from './inspection.ts';
import { NODES } from './messages.ts';
import type { Processes } from './processes.ts';
import { Run } from './run.ts';

/**
 * One folder that processes of both builds open: each build joins the other one, and takes over from it. A build may reject the channels of
 * the other one, and the old build the data of the new one, by a typed error: then they take turns.
 */
export class FolderRun extends Run {
  readonly #old: Build;
  readonly #new: Build;
  readonly #dataDir: string;

  constructor(old: Build, latest: Build, processes: Processes, dataDir: string) {
    super('a folder that processes share, old and new', processes);
    this.#old = old;
    this.#new = latest;
    this.#dataDir = dataDir;
  }

  protected async perform(): Promise<void> {
    let host = await this.#alone(this.#old);
    for (const next of [this.#new, this.#old, this.#new]) if (host.build !== next) host = await this.#change(host, next);
    await this.#finish(host);
  }

  protected async end(): Promise<void> {
    // All its processes are clients.
  }

  /** The next build joins, then the host leaves. @returns the process that has the folder then. */
  async #change(host: ClientProcess, next: Build): Promise<ClientProcess> {
    const joined = await this.#joined(host, next);
    await host.close();
    const client = joined ?? (await this.#opened(next));
    if (client.rejection === undefined) await client.progressed();
    if (client.rejection === undefined) {
      this.row(`the ${next.name} build has the folder alone`, undefined);
      return client;
    }
    if (next === this.#new) throw new Error(`The new build rejects the folder: ${client.rejection.text}`);
    this.#reject(client, 'the old build rejects what the new one wrote');
    return await this.#alone(this.#new);
  }

  /** @returns undefined if it is rejected. */
  async #joined(host: ClientProcess, build: Build): Promise<ClientProcess | undefined> {
    const client = await this.#opened(build);
    for (const each of [host, client]) if (client.rejection === undefined) await each.progressed();
    if (host.rejection !== undefined) throw new Error(`The ${host.build.name} build, which hosts the nodes: ${host.rejection.text}`);
    if (client.rejection !== undefined) {
      this.#reject(client, `the ${build.name} build is rejected by the ${host.build.name} one`);
      return undefined;
    }
    this.row(`the ${build.name} build joins the ${host.build.name} one`, undefined);
    return client;
  }

  /** @throws if it is rejected. */
  async #alone(build: Build): Promise<ClientProcess> {
    const client = await this.#opened(build);
    await client.progressed();
    if (client.rejection !== undefined) throw new Error(`The ${build.name} build rejects the folder: ${client.rejection.text}`);
    this.row(`the ${build.name} build has the folder alone`, undefined);
    return client;
  }

  async #opened(build: Build): Promise<ClientProcess> {
    const client = this.client(build, { dataDir: this.#dataDir });
    await client.opened();
    return client;
  }

  #reject(client: ClientProcess, step: string): void {
    this.rejection ??= client.rejection;
    client.kill();
    this.row(step, undefined);
  }

  async #finish(host: ClientProcess): Promise<void> {
    await host.stopAdding();
    {
      await using cluster = await openCluster({ dataDir: this.#dataDir, nodes: NODES });
      await drained(cluster);
      this.found = await finalState(cluster, () => replicasOfFolder(cluster));
      this.row('all jobs are completed', await cluster.leader());
    }
    await host.close();
  }
}
