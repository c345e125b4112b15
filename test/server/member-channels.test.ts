import { expect, it, onTestFinished } from 'vitest';
import { until } from '../../eval/soak/until.ts';
import { MemberChannels } from '../../src/server/services/member-channels.ts';
import { clientGuard } from '../../src/transport/grpc/caller.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { ClusterService } from '../../src/transport/grpc/cluster-service.ts';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.ts';
import { PacketExchange } from '../../src/transport/grpc/packet-exchange.ts';
import { CHANNEL_PROTOCOL } from '../../src/transport/handshake.ts';

const CLUSTER = 7;
const PATIENT_MS = 60_000;

/** A node that receives packets, and never replies. */
async function aSilentNode(node: number, onPacket: (node: number) => void): Promise<string> {
  const server = new GrpcServer({ messageBytesMax: 1_000_000, onDropped: () => undefined });
  const exchange = new PacketExchange({
    own: () => ({ protocol: CHANNEL_PROTOCOL, node, cluster: CLUSTER }),
    packetBytesMax: 1_000,
    firstConnection: 1,
    onPacket: () => {
      onPacket(node);
      return 0;
    },
    onGone: () => undefined,
    onWrite: (peer, bytes) => server.onWrite(peer, bytes),
    onReadable: () => undefined,
  });
  server.addService(ClusterService.service, { Exchange: exchange.serve }, clientGuard);
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0', 'nodes')}`;
  onTestFinished(async () => {
    exchange[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  });
  return address;
}

it('lose those to the former leader once the node knows of no leader, and no others', async () => {
  const received: number[] = [];
  const addresses = new Map<number, string>();
  for (const node of [1, 2, 3]) addresses.set(node, await aSilentNode(node, (at) => received.push(at)));
  using channels = new MemberChannels({
    ...{ own: 1, nodeIds: () => [1, 2, 3], addressOf: (node: number) => addresses.get(node), cluster: () => CLUSTER },
    security: UNSECURED,
  });
  const lost: number[] = [];
  const open = (node: number) => channels.openChannel(node, { onPacket: () => undefined, onLost: () => lost.push(node) });
  const [own, second] = [open(1), open(2)];
  open(3)?.close();
  second?.send(new Uint8Array(1));
  await until('it arrives', PATIENT_MS, async () => received.length === 1);
  for (const leader of [undefined, 3, undefined, 2]) channels.onLeader(leader);
  expect(lost).toEqual([]);
  channels.onLeader(undefined);
  channels.onLeader(undefined);
  expect(lost).toEqual([2]);
  second?.send(new Uint8Array(1));
  channels.onLeader(1);
  channels.onLeader(undefined);
  own?.send(new Uint8Array(1));
  open(2)?.send(new Uint8Array(1));
  await until('the own channel and a new one are open', PATIENT_MS, async () => received.length === 3);
  expect(received.toSorted()).toEqual([1, 2, 2]);
  expect(lost).toEqual([2]);
});
