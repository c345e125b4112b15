import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/remote/connect.ts';
import { clientGuard } from '../../src/transport/grpc/caller.ts';
import { ClusterService, type NodeStatusProto } from '../../src/transport/grpc/cluster-service.ts';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.ts';

/** A node that replies to GetStatus. */
async function aNode(status: (address: string) => Partial<NodeStatusProto>): Promise<string> {
  const server = new GrpcServer({ messageBytesMax: 1_000_000, onDropped: () => undefined });
  let address = '';
  const GetStatus = (_call: unknown, reply: (error: null, status: object) => void): void =>
    reply(null, { cluster: 7, cluster_name: 'mail', state: 0, unreachable: [], ...status(address) });
  server.addService(ClusterService.service, { GetStatus }, clientGuard);
  address = `127.0.0.1:${await server.listen('127.0.0.1:0', 'nodes')}`;
  onTestFinished(() => server[Symbol.asyncDispose]());
  return address;
}

it('says at whose address another node is, and which node is rejected by which, once each', async () => {
  const two = await aNode(() => ({
    node: 2,
    unreachable: [
      { node: 1, since_ms: 0, reason: 'The call means node 1, and this is node 3. Correct the addresses of the nodes.' },
      { node: 3, since_ms: 0, reason: '' },
    ],
  }));
  const one = await aNode((address) => ({
    node: 1,
    members: {
      ...{ voters: [1, 2, 3], learners: [], joining: [], leaving: [], settled: true },
      addresses: [
        { node: 1, address },
        { node: 2, address: two },
        { node: 3, address: two },
      ],
    },
  }));
  await using cluster = await connect({ endpoints: [one] });
  expect(cluster.misconnected).toEqual([]);
  expect(await cluster.leader()).toBeUndefined();
  expect(cluster.silent).toEqual([]);
  expect(cluster.misconnected).toEqual([
    `At ${two}, the address of node 3, is node 2. Correct the addresses in "nodes".`,
    'Node 2 is rejected at the address of node 1: The call means node 1, and this is node 3. Correct the addresses of the nodes.',
  ]);
  for (const call of [cluster.status(9), cluster.log(9)])
    await expect(call).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("The cluster's nodes are 1, 2, 3."),
    });
});

it('says which nodes do not reply, where, and why', async () => {
  const one = await aNode((address) => ({
    node: 1,
    members: {
      ...{ voters: [1, 2], learners: [], joining: [], leaving: [], settled: true },
      addresses: [
        { node: 1, address },
        { node: 2, address: '127.0.0.1:1' },
      ],
    },
  }));
  await using cluster = await connect({ endpoints: [one] });
  expect(await cluster.leader()).toBeUndefined();
  expect(cluster.silent).toEqual([
    'Node 2 does not reply at 127.0.0.1:1 (connect ECONNREFUSED 127.0.0.1:1). Its own output says why, if it has ended.',
  ]);
});
