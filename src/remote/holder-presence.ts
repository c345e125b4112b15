import type { ClientChannel } from '../client/endpoint.ts';
import type { ClientHello } from '../transport/client-hello.ts';
import type { RemoteNode } from './remote-node.ts';

/** Much less than the nodes wait for a process that they lost. */
const LOOK_EVERY_MS = 1_000;

export interface HolderPresenceOptions {
  readonly holder: number;
  readonly nodes: () => ReadonlyMap<number, RemoteNode>;
  readonly hello: (node: number) => ClientHello;
  /** A channel was lost. */
  readonly onLost: () => void;
}

/**
 * Shows the nodes that this process runs, so that they do not release its leases: it keeps a channel to each node, also while its clients have
 * nothing to send.
 */
export class HolderPresence implements Disposable {
  readonly #options: HolderPresenceOptions;
  readonly #channels = new Map<RemoteNode, ClientChannel>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: HolderPresenceOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#look();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  #look(): void {
    const { holder, hello, nodes, onLost } = this.#options;
    const current = new Set(nodes().values());
    for (const [remote, channel] of this.#channels) {
      if (current.has(remote)) continue;
      this.#channels.delete(remote);
      channel.close();
    }
    for (const [node, remote] of nodes()) {
      if (this.#channels.has(remote)) continue;
      const handlers = {
        onPacket: () => undefined,
        onLost: () => {
          this.#channels.delete(remote);
          onLost();
        },
      };
      this.#channels.set(remote, remote.openChannel(hello(node), handlers, holder));
    }
  }
}
