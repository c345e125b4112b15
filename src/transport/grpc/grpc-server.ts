import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { ConfigError } from '../../base/errors.ts';
import { serverOptions } from './channel-options.ts';

/** More connections are closed at once. */
const CONNECTIONS_MAX = 10_000;
/** How long calls in progress may take when the server stops. */
const SHUTDOWN_MS_MAX = 2_000;

/** Serves gRPC at one address. What a connection brings ends that connection at most. */
export class GrpcServer implements AsyncDisposable {
  readonly #grpc: Server;
  readonly #listener: NetServer;
  readonly #sockets = new Set<Socket>();

  /** @param messageBytesMax the largest message that is accepted. */
  constructor(messageBytesMax: number) {
    this.#grpc = new Server(serverOptions(messageBytesMax));
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
      injector.injectConnection(socket);
    });
    this.#listener.maxConnections = CONNECTIONS_MAX;
  }

  addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#grpc.addService(service, implementation);
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
    for (const socket of this.#sockets) socket.destroy();
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
