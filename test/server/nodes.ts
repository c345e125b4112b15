import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { NodeAddress, NodeOptions } from '../../src/config/node-config.ts';
import type { NodeListeners } from '../../src/server/node-listeners.ts';
import type { ServedNode } from '../../src/server/served-node.ts';
import { startNode } from '../../src/server/start-node.ts';

/** @returns an address at which nothing listens. */
export async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
}

/** Nodes of one cluster in this process, in a folder that is removed at the end of the test. */
export class Nodes {
  readonly folder = mkdtempSync(join(tmpdir(), 'jobraft-nodes-'));
  readonly addresses: readonly NodeAddress[];
  readonly #running = new Map<number, ServedNode>();

  readonly #settings: Partial<NodeOptions>;

  private constructor(addresses: readonly NodeAddress[], settings: Partial<NodeOptions>) {
    this.addresses = addresses;
    this.#settings = settings;
    onTestFinished(async () => {
      await Promise.all([...this.#running.values()].map((node) => node.close()));
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** @param started the first of the nodes, which form the cluster. @param settings of every node. */
  static async start(count: number, started = count, settings: Partial<NodeOptions> = {}): Promise<Nodes> {
    const nodes = new Nodes(
      await Promise.all(Array.from({ length: count }, async (_, at) => ({ id: at + 1, address: await freeAddress() }))),
      settings,
    );
    const founders = nodes.addresses.slice(0, started).map(({ id }) => id);
    await Promise.all(founders.map((id) => nodes.start(id, { listed: founders })));
    return nodes;
  }

  get endpoints(): readonly string[] {
    return this.addresses.map(({ address }) => address);
  }

  dataDir(id: number): string {
    return join(this.folder, `${id}`);
  }

  /** @param options.listed the nodes of its configuration. */
  async start(
    id: number,
    {
      listed = [id],
      join: isJoining = false,
      cluster = 'nodes',
    }: { readonly listed?: readonly number[]; readonly join?: boolean; readonly cluster?: string } = {},
    listeners: NodeListeners = {},
  ): Promise<ServedNode> {
    const nodes = this.addresses.filter((node) => listed.includes(node.id) || node.id === id);
    const node = await startNode({ ...this.#settings, id, cluster, nodes, dataDir: this.dataDir(id), join: isJoining }, listeners);
    this.#running.set(id, node);
    return node;
  }

  node(id: number): ServedNode {
    const node = this.#running.get(id);
    if (node === undefined) throw new Error(`Node ${id} was not started.`);
    return node;
  }
}
