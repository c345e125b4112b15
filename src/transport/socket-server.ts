import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { HandshakeError } from '../base/errors.ts';
import { jsonFrame, parseJsonFrame } from './handshake.ts';
import { SocketChannel } from './socket-channel.ts';
import { openSocketPath, type SocketPath } from './socket-path.ts';

/** How long a channel may be open without its first frame. */
const HELLO_MS_MAX = 5_000;
/** The first frame is short; a longer one closes the channel, before anything is known of the other side. */
const HELLO_BYTES_MAX = 64 * 1024;
/** More are closed at once. */
const CHANNELS_MAX = 10_000;
/** Only the user of this process may connect. */
const SOCKET_MODE = 0o600;

/** What is done with a channel whose opening was accepted. */
export interface AcceptedChannel {
  /** The reply to its first frame. */
  readonly welcome: unknown;
  readonly onFrame: (frame: Uint8Array) => void;
  /** The other side is gone. */
  readonly onClosed: () => void;
}

export interface SocketServerOptions {
  readonly path: string;
  /** The setting that the path comes from, for errors. */
  readonly folder: string;
  readonly frameBytesMax: number;
  readonly unsentBytesMax: number;
  /** @param hello the first frame. @throws {HandshakeError} which rejects the channel. */
  readonly onHello: (hello: unknown, channel: SocketChannel) => AcceptedChannel;
}

/** Accepts channels on a Unix socket. What a channel sends closes that channel at most. */
export class SocketServer implements Disposable {
  readonly #options: SocketServerOptions;
  readonly #server: Server;
  readonly #channels = new Set<SocketChannel>();
  #path: SocketPath | undefined;
  #isDisposed = false;

  constructor(options: SocketServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = CHANNELS_MAX;
  }

  /**
   * Takes the path: the caller has made sure that no other server has it. @throws {ConfigError} for a path that is too long.
   * @throws an error of the system, such as EACCES.
   */
  async listen(): Promise<void> {
    const { path, folder } = this.#options;
    const server = this.#server;
    removeSocket(path);
    this.#path = openSocketPath(path, folder);
    const address = this.#path.path;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // Exclusive: in a worker of node:cluster the primary would listen in its place.
      server.listen({ path: address, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    if (this.#isDisposed) this.#close();
    else chmodSync(path, SOCKET_MODE);
  }

  /** Accepts no more channels, closes the open ones, and removes the path. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const channel of this.#channels) channel.close();
    this.#channels.clear();
    if (this.#server.listening) this.#close();
  }

  #close(): void {
    // It removes the path, which must be valid until then.
    this.#server.close(() => this.#path?.[Symbol.dispose]());
  }

  #accept(socket: Socket): void {
    const { frameBytesMax, unsentBytesMax } = this.#options;
    let accepted: AcceptedChannel | undefined;
    // A server that is closed does not wait for it.
    const isLate = setTimeout(() => socket.destroy(), HELLO_MS_MAX).unref();
    const channel = new SocketChannel({
      socket,
      frameBytesMax: () => (accepted === undefined ? HELLO_BYTES_MAX : frameBytesMax),
      unsentBytesMax,
      onFrame: (frame) => {
        if (accepted !== undefined) {
          accepted.onFrame(frame);
          return;
        }
        clearTimeout(isLate);
        accepted = this.#greet(channel, frame);
      },
      onClosed: () => {
        clearTimeout(isLate);
        this.#channels.delete(channel);
        accepted?.onClosed();
      },
    });
    this.#channels.add(channel);
  }

  #greet(channel: SocketChannel, frame: Uint8Array): AcceptedChannel | undefined {
    try {
      const accepted = this.#options.onHello(parseJsonFrame(frame), channel);
      channel.send(jsonFrame({ welcome: accepted.welcome }));
      return accepted;
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      channel.send(jsonFrame({ rejected: error.message }));
      channel.close();
      this.#channels.delete(channel);
      return undefined;
    }
  }
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
