import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../client/endpoint.ts';
import { RemoteNode } from '../../remote/remote-node.ts';
import type { ChannelSecurity } from '../../transport/grpc/channel-security.ts';
import { CHANNEL_PROTOCOL } from '../../transport/handshake.ts';

export interface MemberChannelsOptions {
  readonly own: number;
  readonly nodeIds: () => readonly number[];
  readonly addressOf: (node: number) => string | undefined;
  readonly security: ChannelSecurity;
  /** Undefined until the cluster is formed. */
  readonly cluster: () => number | undefined;
}

/** How the node's own client reaches the members, itself included. */
export class MemberChannels implements ClusterEndpoint, Disposable {
  readonly #options: MemberChannelsOptions;
  readonly #nodes = new Map<number, RemoteNode>();
  /** Ends an open channel, by node. */
  readonly #channels = new Map<number, Set<() => void>>();
  #leader: number | undefined;

  constructor(options: MemberChannelsOptions) {
    this.#options = options;
  }

  nodeIds(): readonly number[] {
    return this.#options.nodeIds();
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    const cluster = this.#options.cluster();
    const address = this.#options.addressOf(node);
    if (cluster === undefined || address === undefined) return undefined;
    const open = this.#channels.get(node) ?? new Set();
    this.#channels.set(node, open);
    const hello = { protocol: CHANNEL_PROTOCOL, node, cluster };
    const channel = this.#nodeAt(node, address).openChannel(hello, {
      onPacket: (packet) => handlers.onPacket(packet),
      onLost: () => {
        open.delete(end);
        handlers.onLost();
      },
    });
    const end = (): void => {
      channel.close();
      handlers.onLost();
    };
    open.add(end);
    return {
      send: (packet) => channel.send(packet),
      close: () => {
        open.delete(end);
        channel.close();
      },
    };
  }

  /**
   * The leader as this node knows it. Without one, channels to the former leader count as lost: its clients would go on to send there, where
   * nothing may arrive, with an unknown outcome. They look for the leader instead, first here.
   */
  onLeader(leader: number | undefined): void {
    const former = this.#leader;
    this.#leader = leader;
    if (leader !== undefined || former === undefined || former === this.#options.own) return;
    const open = this.#channels.get(former);
    this.#channels.delete(former);
    for (const end of open ?? []) end();
  }

  [Symbol.dispose](): void {
    for (const node of this.#nodes.values()) node[Symbol.dispose]();
    this.#nodes.clear();
  }

  #nodeAt(node: number, address: string): RemoteNode {
    const known = this.#nodes.get(node);
    if (known?.address === address) return known;
    known?.[Symbol.dispose]();
    const remote = new RemoteNode(address, this.#options.security);
    this.#nodes.set(node, remote);
    return remote;
  }
}
