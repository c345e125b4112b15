import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** gRPC itself waits for ever for the other side of a handshake, such as a process that is stopped. */
const HANDSHAKE_MS_MAX = 10_000;

/** The handshakes of TLS that the channels of one client have in progress: each is bounded in time, and ends with its client. */
export class ClientHandshakes {
  readonly #sockets = new Set<Socket>();
  #isAbandoned = false;

  /** The same credentials, whose handshakes are among these. */
  watched(credentials: ChannelCredentials): ChannelCredentials {
    const create = credentials._createSecureConnector.bind(credentials);
    credentials._createSecureConnector = (...settings) => {
      const connector = create(...settings);
      const connect = connector.connect.bind(connector);
      connector.connect = async (socket) => await this.#bounded(socket, connect(socket));
      return connector;
    };
    return credentials;
  }

  /** The client is closed. */
  abandon(): void {
    this.#isAbandoned = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async #bounded<Result>(socket: Socket, handshake: Promise<Result>): Promise<Result> {
    this.#sockets.add(socket);
    const late = setTimeout(() => socket.destroy(), HANDSHAKE_MS_MAX);
    if (this.#isAbandoned) socket.destroy();
    try {
      return await handshake;
    } finally {
      clearTimeout(late);
      this.#sockets.delete(socket);
    }
  }
}
