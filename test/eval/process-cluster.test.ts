import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { freeAddresses } from '../../eval/processes/free-addresses.ts';
import { Links } from '../../eval/processes/links.ts';
import { ProcessCluster } from '../../eval/processes/process-cluster.ts';
import { Client } from '../../src/client/api/client.ts';
import { startNode } from '../../src/server/start-node.ts';

it('a client of nodes that reach each other by links still reaches an isolated one, at its own address', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-process-cluster-'));
  const addresses = new Map((await freeAddresses(3)).map((address, at) => [at + 1, address]));
  const links = await Links.open(addresses);
  const nodes = await Promise.all(
    [...addresses.keys()].map((id) => {
      const known = [...links.addressesOf(id)].map(([node, address]) => ({ id: node, address }));
      return startNode({ id, cluster: 'links', nodes: known, dataDir: join(folder, `${id}`) });
    }),
  );
  try {
    await using cluster = await ProcessCluster.connect({ addresses });
    expect(cluster.nodeIds()).toEqual([1, 2, 3]);
    const leader = await cluster.waitForLeader();
    // After a second a connection may ask the nodes again where they are.
    await sleep(1_100);
    for (const id of cluster.nodeIds()) cluster.openChannel(id, { onPacket: () => undefined, onLost: () => undefined })?.close();
    await sleep(200);
    links.isolate(leader);
    await using client = new Client(cluster, { deadlineMs: 10_000 });
    for (const id of cluster.nodeIds()) expect((await client.status(id)).node).toBe(id);
    links.heal();
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
    await links[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
