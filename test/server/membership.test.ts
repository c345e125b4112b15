import { rmSync } from 'node:fs';
import { type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { connect } from '../../src/remote/connect.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { clusterClient } from '../../src/transport/grpc/cluster-service.ts';
import { raftClient } from '../../src/transport/grpc/raft-service.ts';
import { freeAddress, Nodes } from './nodes.ts';

const WAIT_MS = 60_000;

/** Resolves once the node has joined, rejects with the reason if it cannot. */
async function joined(nodes: Nodes, id: number, listed: readonly number[], cluster = 'nodes'): Promise<void> {
  const done = Promise.withResolvers<void>();
  await nodes.start(id, { listed, join: true, cluster }, { onJoined: done.resolve, onFailure: done.reject });
  await done.promise;
}

describe('a node that joins a running cluster', () => {
  it('has everything before it votes; it knows all nodes and they know it, also after a start without join', async () => {
    const nodes = await Nodes.start(4, 3);
    await using cluster = await connect({ endpoints: nodes.endpoints.slice(0, 1) });
    await using queue = new Queue('work', { connection: cluster });
    for (let n = 0; n < 20; n += 1) await queue.add('job', n);
    // One node of the cluster is enough.
    await joined(nodes, 4, [2]);
    expect(await cluster.members()).toEqual({ voters: [1, 2, 3, 4], learners: [], joining: [], leaving: [], isSettled: true });
    expect(nodes.node(4).status()?.applied).toBeGreaterThan(0);
    // A majority of the four with the new one, and with nodes whose configuration does not list it.
    await nodes.node(1).close();
    await queue.add('later', 20);
    await nodes.node(4).close();
    await nodes.start(4, { listed: [2] });
    await nodes.start(1, { listed: [1, 2, 3] });
    await nodes.node(2).close();
    await queue.add('last', 21);
    expect((await queue.getJobCounts()).waiting).toBe(22);
    await vi.waitUntil(() => nodes.node(4).status()?.applied === nodes.node(1).status()?.applied, WAIT_MS);
  }, 120_000);

  it('is rejected with one reason: another cluster, an id that is taken, no cluster', async () => {
    const nodes = await Nodes.start(3, 1);
    await expect(joined(nodes, 2, [1], 'other')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('Node 1 belongs to the cluster "nodes", this node to "other"'),
    });
    rmSync(nodes.dataDir(2), { recursive: true });
    await joined(nodes, 3, [1]);
    await nodes.node(3).close();
    rmSync(nodes.dataDir(3), { recursive: true });
    await expect(joined(nodes, 3, [1])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('The cluster has a node of that id, with another disk'),
    });
    await expect(joined(nodes, 2, [])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('Name a node of the running cluster'),
    });
  }, 120_000);
});

describe('an address beyond this machine', () => {
  it('is neither taken up nor called by a node that does not accept it', async () => {
    const nodes = await Nodes.start(2, 1);
    await using cluster = await connect({ endpoints: nodes.endpoints.slice(0, 1) });
    await expect(cluster.addNode(2, '192.0.2.1:7104')).rejects.toMatchObject({
      message: expect.stringContaining('set "insecure" to true'),
    });
    expect(await cluster.members()).toMatchObject({ voters: [1], learners: [], joining: [] });
  }, 120_000);
});

describe('a member that is removed', () => {
  it('ends with NODE_REMOVED, also when it is started again, and can be added again', async () => {
    const nodes = await Nodes.start(4, 4);
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', 1);
    const removed = Promise.withResolvers<Error>();
    await nodes.node(4).close();
    await nodes.start(4, { listed: [1, 2, 3, 4] }, { onFailure: removed.resolve });
    await cluster.removeNode(4);
    expect(await removed.promise).toMatchObject({ code: 'NODE_REMOVED' });
    expect(cluster.nodeIds()).toEqual([1, 2, 3]);
    const again = Promise.withResolvers<Error>();
    await nodes.start(4, { listed: [1, 2, 3, 4] }, { onFailure: again.resolve }).catch(again.resolve);
    expect(await again.promise).toMatchObject({ code: 'NODE_REMOVED' });
    await joined(nodes, 4, [1]);
    expect((await cluster.members()).voters).toEqual([1, 2, 3, 4]);
  }, 120_000);

  it('can be the leader: another node takes over, and clients follow', async () => {
    const nodes = await Nodes.start(3);
    const removed = Promise.withResolvers<Error>();
    for (const { id } of nodes.addresses) {
      await nodes.node(id).close();
      await nodes.start(id, { listed: [1, 2, 3] }, { onFailure: removed.resolve });
    }
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', 1);
    const leader = await cluster.waitForLeader();
    await cluster.removeNode(leader);
    await queue.add('job', 2);
    expect((await cluster.members()).voters).toEqual([1, 2, 3].filter((node) => node !== leader));
    expect(await removed.promise).toMatchObject({ code: 'NODE_REMOVED', message: expect.stringContaining(`Node ${leader}`) });
  }, 120_000);
});

describe('addNode of a connection', () => {
  it('waits for a node that was started to join, and rejects an id that is taken and an address without a node', async () => {
    const nodes = await Nodes.start(2, 1);
    await using cluster = await connect({ endpoints: nodes.endpoints.slice(0, 1) });
    await expect(cluster.addNode(1, await freeAddress())).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const unused = await freeAddress();
    await expect(cluster.addNode(7, unused)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('No node replies there'),
    });
    await nodes.start(2, { listed: [1], join: true });
    await cluster.addNode(2, nodes.endpoints[1] ?? '');
    expect((await cluster.members()).voters).toEqual([1, 2]);
    expect(cluster.nodeIds()).toEqual([1, 2]);
  }, 120_000);
});

it('a node does not learn an address from a caller of another cluster, nor one beyond this machine', async () => {
  const nodes = await Nodes.start(1);
  const channels = { options: channelOptions(1_000_000), security: UNSECURED };
  const [client, raft] = [clusterClient(nodes.endpoints[0] ?? '', channels), raftClient(nodes.endpoints[0] ?? '', channels)];
  onTestFinished(() => {
    client.close();
    raft.close();
  });
  const cluster = await new Promise<number>((resolve) => client.GetStatus({}, {}, (_error, reply) => resolve(reply?.cluster ?? 0)));
  const announced = (to: number, address: string): Promise<ServiceError | null> =>
    new Promise((resolve) => raft.AnnounceAddress({ cluster: to, node: 2, address }, {}, resolve));
  const code = status.FAILED_PRECONDITION;
  expect(await announced(cluster + 1, '127.0.0.1:7102')).toMatchObject({
    code,
    details: expect.stringContaining(`belongs to ${cluster}.`),
  });
  expect(await announced(cluster, '10.0.0.2:7102')).toMatchObject({
    code,
    details: expect.stringContaining('only addresses of this machine'),
  });
  expect(await announced(cluster, '127.0.0.1:7102')).toBeNull();
});
