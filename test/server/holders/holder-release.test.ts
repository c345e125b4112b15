import { credentials, type Client as GrpcClient, type ServiceError } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../../../eval/soak/until.ts';
import type { ClientChannel } from '../../../src/client/endpoint.ts';
import { RemoteNode } from '../../../src/remote/remote-node.ts';
import { UNSECURED } from '../../../src/transport/grpc/channel-security.ts';
import { loadService } from '../../../src/transport/grpc/proto-file.ts';
import { type ListHoldersProto, type ListHoldersResponseProto, raftClient } from '../../../src/transport/grpc/raft-service.ts';
import { CHANNEL_PROTOCOL } from '../../../src/transport/handshake.ts';
import { Nodes } from '../nodes.ts';

const GRACE_MS = 300;
const LEASE_MS = 3_600_000;
const WITHIN_MS = 60_000;
const HOLDER = 4_711;

type Response = Readonly<Record<string, unknown>>;
type Call = (request: object, reply: (error: ServiceError | null, response: Response) => void) => void;

function jobsOf(address: string) {
  const client: GrpcClient = new (loadService('jobraft.proto', 'jobraft.v1.Jobs'))(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const calls = client as unknown as Readonly<Record<string, Call>>;
  return (method: string, request: object): Promise<Response> =>
    new Promise((resolve, reject) => {
      calls[method]?.call(client, request, (error, response) => (error === null ? resolve(response) : reject(error)));
    });
}

async function clusterAt(remote: RemoteNode): Promise<number> {
  const reply = await remote.status(WITHIN_MS);
  return 'cluster' in reply ? reply.cluster : 0;
}

const addressOf = (nodes: Nodes, node: number): string => nodes.endpoints[node - 1] ?? '';

/** A channel of the holder's process. */
async function channelTo(nodes: Nodes, node: number): Promise<ClientChannel> {
  const remote = new RemoteNode(addressOf(nodes, node), UNSECURED);
  onTestFinished(() => remote[Symbol.dispose]());
  const hello = { protocol: CHANNEL_PROTOCOL, node, cluster: await clusterAt(remote) };
  return remote.openChannel(hello, { onPacket: () => undefined, onLost: () => undefined }, HOLDER);
}

/** What the node says to the leader. @param meant in place of what the leader would send. */
async function holdersAt(nodes: Nodes, node: number, meant: Partial<ListHoldersProto> = {}): Promise<ListHoldersResponseProto> {
  using remote = new RemoteNode(addressOf(nodes, node), UNSECURED);
  const request = { node, cluster: await clusterAt(remote), ...meant };
  const client = raftClient(addressOf(nodes, node), { options: {}, security: UNSECURED });
  try {
    return await new Promise((resolve, reject) => {
      client.ListHolders(request, {}, (error, response) => (response === undefined ? reject(error) : resolve(response)));
    });
  } finally {
    client.close();
  }
}

it('keeps the leases of a process that moved to another node, and releases them a grace after it ended its last channel', async () => {
  const nodes = await Nodes.start(3, 3, { holderGraceMs: GRACE_MS });
  const call = jobsOf(nodes.endpoints[0] ?? '');
  await until('jobs are taken', WITHIN_MS, async () => (await call('Add', { queue: 'mail', name: 'letter' })).id);
  const claim = async (): Promise<readonly { readonly id: string; readonly token: number }[]> =>
    (await call('Claim', { queue: 'mail', lease_ms: LEASE_MS, holder: HOLDER })).jobs as never;
  const [job] = await claim();
  const first = await channelTo(nodes, 2);
  await until('node 2 has it', WITHIN_MS, async () => (await holdersAt(nodes, 2)).open.includes(HOLDER));
  const second = await channelTo(nodes, 3);
  await until('node 3 has it', WITHIN_MS, async () => (await holdersAt(nodes, 3)).open.includes(HOLDER));
  first.close();
  await until('its end at node 2 is old', WITHIN_MS, async () => {
    const { ended } = await holdersAt(nodes, 2);
    return ended.some(({ holder, ended_ms_ago: agoMs }) => holder === HOLDER && agoMs > 6 * GRACE_MS);
  });
  await call('Extend', { queue: 'mail', id: job?.id, token: job?.token, lease_ms: LEASE_MS });
  second.close();
  const [again] = await until('the job is released', WITHIN_MS, async () => {
    const jobs = await claim();
    return jobs.length > 0 && jobs;
  });
  expect(again?.id).toBe(job?.id);
  expect(again?.token).toBeGreaterThan(job?.token ?? Number.POSITIVE_INFINITY);
});

it('does not say whom it sees to a leader of another cluster', async () => {
  const nodes = await Nodes.start(1);
  await expect(holdersAt(nodes, 1, { node: 2 })).rejects.toThrow(/FAILED_PRECONDITION: The call means node 2 of cluster [0-9]+/);
  await expect(holdersAt(nodes, 1, { cluster: 1 })).rejects.toThrow(/FAILED_PRECONDITION: The call means node 1 of cluster 1,/);
});
