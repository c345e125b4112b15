import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { ConfigError } from '../../base/errors.ts';
import { serverOptions } from './channel-options.ts';
import { UNREAD_REPLY_BYTES_MAX, UnreadReplies } from './unread-replies.ts';

/** More connections are closed at once. */
const CONNECTIONS_MAX = 10_000;
/** How long calls in progress may take when the server stops. */
const SHUTDOWN_MS_MAX = 2_000;

export interface GrpcServerOptions {
  /** The largest message that is accepted. */
  readonly messageBytesMax: number;
  /** Default: 64 MiB. */
  readonly unreadReplyBytesMax?: number;
  /** A connection was closed by this node. @param peer `host:port` of its other side. */
  readonly onDropped: (peer: string, reason: string) => void;
}

/** Serves gRPC at one address. What a connection brings, or leaves unread, ends that connection at most. */
export class GrpcServer implements AsyncDisposable {
  readonly #grpc: Server;
  readonly #listener: NetServer;
  /** By the address of the other side. */
  readonly #sockets = new Map<string, Socket>();
  readonly #onDropped: GrpcServerOptions['onDropped'];
  readonly #unread: UnreadReplies;

  constructor({ messageBytesMax, unreadReplyBytesMax = UNREAD_REPLY_BYTES_MAX, onDropped }: GrpcServerOptions) {
    this.#onDropped = onDropped;
    this.#unread = new UnreadReplies({
      bytesMax: unreadReplyBytesMax,
      messageBytesMax,
      onExceeded: (peer, bytes) => this.#drop(peer, bytes),
    });
    this.#grpc = new Server({ ...serverOptions(messageBytesMax), interceptors: [this.#unread.interceptor] });
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener = createServer({ noDelay: true }, (socket) => {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      this.#sockets.set(peer, socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(peer));
      injector.injectConnection(socket);
    });
    this.#listener.maxConnections = CONNECTIONS_MAX;
  }

  addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#grpc.addService(this.#unread.counted(service), implementation);
  }

  /** A message is written to a stream. @returns to be called once it is sent, or the stream has ended. */
  onWrite(peer: string, bytes: number): () => void {
    return this.#unread.add(peer, bytes);
  }

  /** @param setting that the address comes from, for the error. @throws {ConfigError} if the address cannot be used. @returns the port. */
  async listen(address: string, setting: string): Promise<number> {
    const { host, port } = hostAndPort(address);
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', (error: NodeJS.ErrnoException) => reject(unusable(setting, address, error)));
      this.#listener.listen({ host, port, exclusive: true }, resolve);
    });
    const bound = this.#listener.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  /** Lets calls in progress end, for a bounded time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => this.#grpc.forceShutdown(), SHUTDOWN_MS_MAX);
      this.#grpc.tryShutdown(() => {
        clearTimeout(late);
        resolve();
      });
    });
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #drop(peer: string, bytes: number): void {
    const socket = this.#sockets.get(peer);
    if (socket === undefined || socket.destroyed) return;
    // At once: HTTP/2 ends a stream only once its other side has read what was sent before.
    socket.destroy();
    this.#onDropped(peer, `it left ${bytes} bytes of replies unread`);
  }
}

/** @param address `host:port`, or `[host]:port` for IPv6. */
function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}

function unusable(setting: string, address: string, error: NodeJS.ErrnoException): ConfigError {
  const remedy =
    error.code === 'EADDRINUSE'
      ? 'Another process listens there: end it, or give another port.'
      : `This node cannot listen there (${error.message}). Give an address of this machine.`;
  return new ConfigError(setting, address, remedy);
}
