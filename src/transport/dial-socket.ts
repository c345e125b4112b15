import { createConnection, Socket } from 'node:net';
import { HandshakeError } from '../base/errors.ts';
import { jsonFrame, parseJsonFrame } from './handshake.ts';
import { SocketChannel } from './socket-channel.ts';
import { openSocketPath } from './socket-path.ts';

export interface DialOptions {
  readonly path: string;
  /** The setting that the path comes from, for errors. */
  readonly folder: string;
  /** The first frame. */
  readonly hello: unknown;
  readonly frameBytesMax: number;
  readonly unsentBytesMax: number;
  /** The other side has accepted the channel. */
  readonly onWelcome: (welcome: unknown) => void;
  readonly onFrame: (frame: Uint8Array) => void;
  /**
   * Called once, and not after `close()`, in a later turn of the event loop. @param error why: a {@link HandshakeError} if the other side
   * rejected the channel, an error of the system such as ENOENT if no process listens, undefined if the other side closed it.
   */
  readonly onClosed: (error: Error | undefined) => void;
}

/** Opens a channel to a Unix socket. Frames may be sent at once: they wait until it is connected. @throws {ConfigError} */
export function dialSocket(options: DialOptions): SocketChannel {
  const { hello, frameBytesMax, unsentBytesMax, onWelcome, onFrame, onClosed } = options;
  let isWelcome = false;
  let rejection: Error | undefined;
  const socket = connected(options.path, options.folder);
  const channel = new SocketChannel({
    socket,
    frameBytesMax: () => frameBytesMax,
    unsentBytesMax,
    onFrame: (frame) => {
      if (isWelcome) {
        onFrame(frame);
        return;
      }
      try {
        onWelcome(welcomeOf(frame));
        isWelcome = true;
      } catch (error) {
        if (!(error instanceof HandshakeError)) throw error;
        rejection = error;
        socket.destroy();
      }
    },
    onClosed: (error) => onClosed(rejection ?? error),
  });
  channel.send(jsonFrame(hello));
  return channel;
}

function connected(path: string, folder: string): Socket {
  let address: ReturnType<typeof openSocketPath>;
  try {
    address = openSocketPath(path, folder);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    const socket = new Socket();
    socket.destroy(error);
    return socket;
  }
  // The system resolves the path in this call.
  const socket = createConnection({ path: address.path });
  address[Symbol.dispose]();
  return socket;
}

/** @throws {HandshakeError} */
function welcomeOf(frame: Uint8Array): unknown {
  const reply = parseJsonFrame(frame);
  if (typeof reply === 'object' && reply !== null) {
    if ('welcome' in reply) return reply.welcome;
    if ('rejected' in reply) throw new HandshakeError(String(reply.rejected));
  }
  throw new HandshakeError('The other side of the channel does not speak this protocol: its first frame is no reply to a greeting.');
}
