import { checkClientHello } from './client-hello.ts';
import { CHANNEL_PROTOCOL } from './handshake.ts';
import type { SocketChannel } from './socket-channel.ts';
import { type AcceptedChannel, SocketServer } from './socket-server.ts';

/** Unread bytes of one client beyond which nothing more is read from its socket. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;
/** Replies that a client may leave unread before its channel is closed. It opens another one, and gets the same replies. */
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;

export interface ClientSocketsOptions {
  readonly path: string;
  /** The setting that the path comes from, for errors. */
  readonly folder: string;
  readonly node: number;
  readonly cluster: number;
  /** The largest packet that is accepted. */
  readonly packetBytesMax: number;
  /** The number of the first client; the next ones follow. */
  readonly firstConnection: number;
  /** @returns bytes of this client's packets that the node has not read yet. */
  readonly onPacket: (connection: number, packet: Uint8Array) => number;
  readonly onGone: (connection: number) => void;
  /** Something arrived, or a client is gone: a turn is due, once everything that arrived is read. */
  readonly onReadable: () => void;
}

/** The clients of a node that are connected by its Unix socket, each with a number. */
export class ClientSockets implements Disposable {
  readonly #options: ClientSocketsOptions;
  readonly #server: SocketServer;
  readonly #channels = new Map<number, SocketChannel>();
  /** Clients from which nothing is read before the node's next turn. */
  readonly #paused = new Set<number>();
  #nextConnection: number;

  constructor(options: ClientSocketsOptions) {
    const { path, folder, packetBytesMax, firstConnection } = options;
    this.#options = options;
    this.#nextConnection = firstConnection;
    this.#server = new SocketServer({
      path,
      folder,
      frameBytesMax: packetBytesMax,
      unsentBytesMax: UNSENT_BYTES_MAX,
      onHello: (hello, channel) => this.#onHello(hello, channel),
    });
  }

  /** @throws {ConfigError} for a path that is too long, or an error of the system. */
  async listen(): Promise<void> {
    await this.#server.listen();
  }

  /** Nothing happens if the client is gone. @param packet not to be changed from now on. */
  send(connection: number, packet: Uint8Array): void {
    this.#channels.get(connection)?.send(packet);
  }

  /** The node has read a part: reads again from all clients, until one has too much unread again. */
  onTurn(): void {
    for (const connection of this.#paused) this.#channels.get(connection)?.resume();
    this.#paused.clear();
  }

  [Symbol.dispose](): void {
    this.#channels.clear();
    this.#server[Symbol.dispose]();
  }

  #onHello(hello: unknown, channel: SocketChannel): AcceptedChannel {
    const { node, cluster, onPacket, onGone, onReadable } = this.#options;
    const welcome = { protocol: CHANNEL_PROTOCOL, node, cluster };
    checkClientHello(hello, welcome);
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    this.#channels.set(connection, channel);
    return {
      welcome,
      onFrame: (packet) => {
        if (onPacket(connection, packet) > UNREAD_BYTES_MAX) {
          this.#paused.add(connection);
          channel.pause();
        }
        onReadable();
      },
      onClosed: () => {
        this.#channels.delete(connection);
        this.#paused.delete(connection);
        onGone(connection);
        onReadable();
      },
    };
  }
}
