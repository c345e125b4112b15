import { expect, it, onTestFinished } from 'vitest';
import { makeGeneration } from '../../src/base/generation.ts';
import { nodeGuard } from '../../src/transport/grpc/caller.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { GrpcPeers, type GrpcPeersOptions } from '../../src/transport/grpc/grpc-peers.ts';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.ts';
import { RaftService } from '../../src/transport/grpc/raft-service.ts';
import { until } from './conformance.ts';

const BYTES_MAX = 1_000_000;
const rejections: string[] = [];

/** @param life a later one of the same node is greater. */
async function aNode(node: number, life: number, options: Partial<GrpcPeersOptions> = {}, listenAt = '127.0.0.1:0') {
  const peers = new GrpcPeers({
    own: () => ({ cluster: 7, node, disk: node, generation: makeGeneration(life, life), life }),
    random: () => 0,
    channels: { options: channelOptions(BYTES_MAX), security: UNSECURED },
    events: {
      onParts: () => 0,
      onLost: () => undefined,
      onReadable: () => undefined,
      onRejected: (_peer, { message }) => rejections.push(message),
    },
    ...options,
  });
  const server = new GrpcServer({ messageBytesMax: BYTES_MAX, onDropped: () => undefined });
  server.addService(RaftService.service, peers.implementation(), nodeGuard);
  const address = `127.0.0.1:${await server.listen(listenAt, 'nodes')}`;
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    peers[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  };
  onTestFinished(stop);
  return { peers, address, stop };
}

it('a peer is reached again at its known address, when the others lead nowhere or to another node; how that one rejects says nothing of it', async () => {
  const third = await aNode(3, 1);
  let attempts = 0;
  const reached: string[] = [];
  const one = await aNode(1, 1, {
    otherAddresses: () => {
      attempts += 1;
      return ['127.0.0.1:9', third.address];
    },
    onReached: (_node, address) => reached.push(address),
  });
  const two = await aNode(2, 1);
  one.peers.setAddresses(new Map([[2, two.address]]));
  await until(() => reached.length === 1);
  await two.stop();
  // Enough for each address to have its turn.
  const before = attempts;
  await until(() => attempts > before + 11);
  expect(one.peers.unreachable()).toMatchObject([{ node: 2, rejection: undefined }]);
  const again = await aNode(2, 2, { address: '127.0.0.1:9' }, two.address);
  again.peers.setAddresses(new Map([[1, one.address]]));
  await until(() => reached.length === 2 && one.peers.unreachable().length === 0);
  expect(reached).toEqual([two.address, two.address]);
  expect(rejections).toEqual([]);
});
