import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Links } from '../../eval/processes/links.ts';
import { RemoteNode } from '../../src/remote/remote-node.ts';
import type { ServedNode } from '../../src/server/served-node.ts';
import { startNode } from '../../src/server/start-node.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { freeAddress } from './nodes.ts';

const WAIT_MS = 60_000;
const IDS = [1, 2, 3];

let folder: string;
let own: Map<number, string>;
let running: Map<number, ServedNode>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-addresses-'));
  own = new Map(await Promise.all(IDS.map(async (id) => [id, await freeAddress()] as const)));
  running = new Map();
  onTestFinished(async () => {
    await Promise.all([...running.values()].map((node) => node.close()));
    rmSync(folder, { recursive: true, force: true });
  });
});

/** @param known where its configuration says that the nodes listen. */
async function start(id: number, known: ReadonlyMap<number, string> = own): Promise<void> {
  const nodes = [...known].map(([node, address]) => ({ id: node, address: node === id ? (own.get(id) ?? '') : address }));
  running.set(id, await startNode({ id, cluster: 'addresses', nodes, dataDir: join(folder, `${id}`) }));
}

async function stop(id: number): Promise<void> {
  await running.get(id)?.close();
  running.delete(id);
}

/** Where a node calls the others, once it has a channel to each. */
async function reachedBy(id: number): Promise<ReadonlyMap<number, string>> {
  using node = new RemoteNode(own.get(id) ?? '', UNSECURED);
  return await vi.waitUntil(
    async () => {
      const reply = await node.status(1_000);
      if ('details' in reply || reply.unreachable.length > 0) return undefined;
      const addresses = reply.members?.addresses ?? [];
      return addresses.length === IDS.length ? new Map(addresses.map(({ node: to, address }) => [to, address])) : undefined;
    },
    { timeout: WAIT_MS, interval: 20 },
  );
}

/** The one that most nodes follow. */
function leader(): number | undefined {
  const leaders = [...running.values()].map((node) => node.status()?.leaderId ?? undefined);
  return IDS.find((id) => leaders.filter((each) => each === id).length > IDS.length / 2);
}

describe('nodes that reach each other by forwarders, at other addresses than those at which they listen', () => {
  it('keep these addresses, so that one whose forwarders pass nothing is isolated', async () => {
    const links = await Links.open(own);
    onTestFinished(() => links[Symbol.asyncDispose]());
    const byForwarders = (id: number): ReadonlyMap<number, string> => links.addressesOf(id);
    await Promise.all(IDS.map((id) => start(id, byForwarders(id))));
    for (const id of IDS) expect(await reachedBy(id)).toEqual(byForwarders(id));
    // Also those of a node that was started again.
    await stop(3);
    await start(3, byForwarders(3));
    for (const id of IDS) expect(await reachedBy(id)).toEqual(byForwarders(id));
    const isolated = await vi.waitUntil(leader, WAIT_MS);
    links.isolate(isolated);
    const next = await vi.waitUntil(() => IDS.find((id) => id !== isolated && leader() === id), WAIT_MS);
    await vi.waitUntil(() => running.get(isolated)?.status()?.state !== 'leader', WAIT_MS);
    links.heal();
    await vi.waitUntil(() => running.get(isolated)?.status()?.leaderId === leader() && leader() !== undefined, WAIT_MS);
    expect(next).not.toBe(isolated);
    for (const id of IDS) expect(await reachedBy(id)).toEqual(byForwarders(id));
  }, 120_000);
});

describe('a node that has moved', () => {
  it('is found by nodes whose configuration has its old address, also after they were started again, and when it moves back', async () => {
    const before = new Map(own);
    await Promise.all(IDS.map((id) => start(id)));
    for (const id of IDS) expect(await reachedBy(id)).toEqual(before);
    await stop(3);
    own.set(3, await freeAddress());
    await start(3, before);
    for (const id of IDS) expect((await reachedBy(id)).get(3)).toBe(own.get(3));
    await stop(1);
    await start(1, before);
    expect((await reachedBy(1)).get(3)).toBe(own.get(3));
    await stop(3);
    own.set(3, before.get(3) ?? '');
    await start(3, before);
    for (const id of IDS) expect(await reachedBy(id)).toEqual(before);
  }, 120_000);

  it('is found by a node that was down meanwhile', async () => {
    const before = new Map(own);
    await Promise.all(IDS.map((id) => start(id)));
    for (const id of IDS) await reachedBy(id);
    await Promise.all([stop(1), stop(3)]);
    own.set(3, await freeAddress());
    await start(3, before);
    await start(1, before);
    expect((await reachedBy(1)).get(3)).toBe(own.get(3));
    expect((await reachedBy(2)).get(3)).toBe(own.get(3));
  }, 120_000);
});
