import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../client/endpoint.ts';
import { RemoteNode } from '../../remote/remote-node.ts';
import type { ChannelSecurity } from '../../transport/grpc/channel-security.ts';
import { CHANNEL_PROTOCOL } from '../../transport/handshake.ts';

export interface MemberChannelsOptions {
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
    return this.#nodeAt(node, address).openChannel({ protocol: CHANNEL_PROTOCOL, node, cluster }, handlers);
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
