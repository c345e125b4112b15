import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import { makeGeneration } from '../../src/base/generation.ts';
import { asNodeId } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { nodeGuard } from '../../src/transport/grpc/caller.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { GrpcPeers } from '../../src/transport/grpc/grpc-peers.ts';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.ts';
import { RaftService } from '../../src/transport/grpc/raft-service.ts';
import { readPeerParts } from '../../src/transport/peer-frame.ts';
import type { PeerIdentity } from '../../src/transport/peer-identity.ts';
import type { PeerChannelEvents, PeerChannels } from '../../src/transport/port.ts';
import { PortLinks } from '../../src/transport/port-links.ts';
import { SocketPeers } from '../../src/transport/socket-peers.ts';
import { SocketServer } from '../../src/transport/socket-server.ts';
import type { DialledMember, DialledNetwork, Member, TestNetwork } from './conformance.ts';

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** Each life gets ports to the latest lives of the others. */
export class PortNetwork implements TestNetwork {
  readonly #links = new Map<number, PortLinks>();

  async start(node: number, events: PeerChannelEvents): Promise<Member> {
    const links = new PortLinks({
      random: new SeededRandom(node),
      onFrame: (from, frame) => void events.onParts(from, readPeerParts(frame, asNodeId(from), asNodeId(node)), frame.length),
      onReadable: () => events.onReadable(),
      onClosed: (partner) => events.onLost(partner),
    });
    for (const [other, { attach }] of [...this.#links].map(([id, each]) => [id, { attach: each.attach.bind(each) }] as const)) {
      if (other === node) continue;
      const { port1, port2 } = new MessageChannel();
      links.attach(other, port1);
      attach(node, port2);
    }
    this.#links.set(node, links);
    return { node, send: (to, frame) => links.send(to, frame), [Symbol.asyncDispose]: async () => links.close() };
  }
}

interface Listening {
  readonly address: string;
  readonly peers: PeerChannels;
  close(): Promise<void>;
}

/** Nodes that find each other's latest life by its address. */
abstract class AddressedNetwork implements DialledNetwork {
  readonly #addresses: Map<number, string>;
  readonly #running = new Set<Listening>();
  #lives = 0;

  /** @param unused an address at which nothing listens, of node 2 until it runs. */
  constructor(unused: string) {
    this.#addresses = new Map([[2, unused]]);
  }

  abstract listen(identity: PeerIdentity, events: PeerChannelEvents, unsentBytesMax: number | undefined): Promise<Listening>;

  async start(node: number, events: PeerChannelEvents): Promise<Member> {
    this.#lives += 1;
    const generation = makeGeneration(this.#lives, this.#lives);
    return await this.startAs({ cluster: 77, node, disk: 100 + node, generation, life: this.#lives }, events);
  }

  async startAs(
    identity: PeerIdentity,
    events: PeerChannelEvents,
    { listensAs = identity.node, unsentBytesMax }: { readonly listensAs?: number; readonly unsentBytesMax?: number } = {},
  ): Promise<DialledMember> {
    const listening = await this.listen(identity, events, unsentBytesMax);
    const { peers, address } = listening;
    this.#addresses.set(listensAs, address);
    this.#running.add(listening);
    for (const each of this.#running) each.peers.setAddresses(this.#addresses);
    return {
      node: identity.node,
      peers,
      send: (to, frame) => peers.send(to, frame),
      [Symbol.asyncDispose]: async () => {
        if (!this.#running.delete(listening)) return;
        peers[Symbol.dispose]();
        await listening.close();
      },
    };
  }
}

export class SocketNetwork extends AddressedNetwork {
  readonly #folder: string;
  #count = 0;

  constructor() {
    super(join(tmpdir(), 'jobraft-no-socket.sock'));
    this.#folder = mkdtempSync(join(tmpdir(), 'jobraft-peers-'));
    onTestFinished(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  override async listen(identity: PeerIdentity, events: PeerChannelEvents, unsentBytesMax: number | undefined): Promise<Listening> {
    this.#count += 1;
    const path = join(this.#folder, `${this.#count}.sock`);
    const peers = new SocketPeers({
      ...{ own: () => identity, random: () => 0, events },
      ...(unsentBytesMax === undefined ? {} : { unsentBytesMax }),
    });
    const server = new SocketServer({
      ...{ path, folder: 'dataDir', frameBytesMax: MESSAGE_BYTES_MAX, unsentBytesMax: MESSAGE_BYTES_MAX },
      onHello: (hello, channel) => peers.accept(hello, channel),
    });
    await server.listen();
    return { address: path, peers, close: async () => server[Symbol.dispose]() };
  }
}

export class GrpcNetwork extends AddressedNetwork {
  constructor() {
    super('127.0.0.1:9');
  }

  override async listen(identity: PeerIdentity, events: PeerChannelEvents, unsentBytesMax: number | undefined): Promise<Listening> {
    const peers = new GrpcPeers({
      ...{ own: () => identity, random: () => 0, events, channels: { options: channelOptions(MESSAGE_BYTES_MAX), security: UNSECURED } },
      ...(unsentBytesMax === undefined ? {} : { unsentBytesMax }),
    });
    const server = new GrpcServer({ messageBytesMax: MESSAGE_BYTES_MAX, onDropped: () => undefined });
    server.addService(RaftService.service, peers.implementation(), nodeGuard);
    const port = await server.listen('127.0.0.1:0', 'nodes');
    return { address: `127.0.0.1:${port}`, peers, close: async () => await server[Symbol.asyncDispose]() };
  }
}
