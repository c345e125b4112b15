import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../src/index.ts';

/** A client's connection to the cluster that can be cut: packets are then lost in both directions, and neither side notices. */
export class CuttableEndpoint implements ClusterEndpoint {
  readonly #cluster: ClusterEndpoint;
  #isCut = false;

  constructor(cluster: ClusterEndpoint) {
    this.#cluster = cluster;
  }

  cut(): void {
    this.#isCut = true;
  }

  heal(): void {
    this.#isCut = false;
  }

  nodeIds(): readonly number[] {
    return this.#cluster.nodeIds();
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    const channel = this.#cluster.openChannel(node, {
      onPacket: (packet) => {
        if (!this.#isCut) handlers.onPacket(packet);
      },
      onLost: () => handlers.onLost(),
    });
    if (channel === undefined) return undefined;
    return {
      send: (packet) => {
        if (!this.#isCut) channel.send(packet);
      },
      close: () => channel.close(),
    };
  }
}
