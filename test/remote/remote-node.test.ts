import { Client } from '@grpc/grpc-js';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { until } from '../../eval/soak/until.ts';
import { RemoteNode } from '../../src/remote/remote-node.ts';
import { clientGuard } from '../../src/transport/grpc/caller.ts';
import { type ChannelSecurity, UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { ClusterService } from '../../src/transport/grpc/cluster-service.ts';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.ts';
import { PacketExchange } from '../../src/transport/grpc/packet-exchange.ts';

const PATIENT_MS = 60_000;
const HELLO = { protocol: 1, node: 1, cluster: 7 };

/** A node that sends each packet back. */
async function anEcho(): Promise<string> {
  const server = new GrpcServer({ messageBytesMax: 1_000_000, onDropped: () => undefined });
  const exchange = new PacketExchange({
    own: () => HELLO,
    packetBytesMax: 1_000,
    firstConnection: 1,
    onPacket: (connection, packet) => {
      exchange.send(connection, packet.slice());
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

afterEach(() => void vi.restoreAllMocks());

it.each(['is replaced', 'has another certificate'])(
  'a node that %s keeps the connection of its open channels until they end',
  async (what) => {
    const closed = vi.spyOn(Client.prototype, 'close');
    let version = 1;
    const security: ChannelSecurity = { ...UNSECURED, version: () => version };
    const node = new RemoteNode(await anEcho(), security);
    const replies: Uint8Array[] = [];
    const handlers = { onPacket: (packet: Uint8Array) => void replies.push(packet), onLost: () => undefined };
    const channel = node.openChannel(HELLO, handlers);
    if (what === 'is replaced') node[Symbol.dispose]();
    else {
      version = 2;
      node.openChannel(HELLO, handlers).close();
    }
    channel.send(Uint8Array.of(4, 2));
    await until('the channel has a reply', PATIENT_MS, async () => replies.length > 0);
    expect(closed).not.toHaveBeenCalled();
    channel.close();
    await until('the connection is closed', PATIENT_MS, async () => closed.mock.calls.length > 0);
    node[Symbol.dispose]();
  },
);

it('a node that is replaced keeps no connection of a channel that was lost', async () => {
  const closed = vi.spyOn(Client.prototype, 'close');
  const server = new GrpcServer({ messageBytesMax: 1_000_000, onDropped: () => undefined });
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0', 'nodes')}`;
  const node = new RemoteNode(address, UNSECURED);
  // It does not serve the call.
  await new Promise<void>((onLost) => node.openChannel(HELLO, { onPacket: () => undefined, onLost }));
  node[Symbol.dispose]();
  await until('the connection is closed', PATIENT_MS, async () => closed.mock.calls.length > 0);
  await server[Symbol.asyncDispose]();
});
