import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { type Metadata, Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { TlsFiles, TlsIdentity } from '../../security/tls-files.ts';
import { hostAndPort, unusableAddress } from '../listen-address.ts';
import { callBounds } from './call-bounds.ts';
import { type Caller, type CallRejection, callerOn, type Guard, type ServerCall } from './caller.ts';
import { serverOptions } from './channel-options.ts';
import type { ClientBounds } from './client-bounds.ts';
import { DropReports } from './drop-reports.ts';
import { HandshakeQueue } from './handshake-queue.ts';
import { OpenCalls } from './open-calls.ts';
import { UNREAD_REPLY_BYTES_MAX, UnreadReplies } from './unread-replies.ts';

/** More connections are closed at once. */
const CONNECTIONS_MAX = 10_000;
/** A connection whose TLS is not agreed upon by then is closed. */
const HANDSHAKE_MS_MAX = 10_000;
/** How long calls in progress may take when the server stops. */
const SHUTDOWN_MS_MAX = 2_000;

export interface GrpcServerOptions {
  /** The largest message that is accepted. */
  readonly messageBytesMax: number;
  /** Connections use TLS, and callers are known by their certificates. Default: neither. */
  readonly tls?: TlsFiles | undefined;
  /** Default: 64 MiB. */
  readonly unreadReplyBytesMax?: number;
  /** Of each client. Default: none. */
  readonly bounds?: ClientBounds | undefined;
  /** A connection was closed by this node. @param peer `host:port` of its other side. */
  readonly onDropped: (peer: string, reason: string) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly caller: Caller;
  /** By which its client is bounded; undefined for a node. */
  readonly identity: string | undefined;
}
/** Of a connection: still there; ended by its other side, also with its process; or closed by this node, as after a ping without a reply. */
export type ConnectionState = 'open' | 'ended' | 'dropped';
/** What a process that ends leaves to the operating system: the connection is closed, or reset if it had something unread. */
const RESETS: readonly unknown[] = ['ECONNRESET', 'EPIPE'];

/** Serves gRPC at one address. What a connection brings, or leaves unread, ends that connection at most. */
export class GrpcServer implements AsyncDisposable {
  readonly #grpc: Server;
  readonly #listener: NetServer;
  /** By the address of the other side. */
  readonly #sockets = new Map<string, Connection>();
  readonly #bounds: ClientBounds | undefined;
  readonly #drops: DropReports;
  readonly #unread: UnreadReplies;
  readonly #calls = new OpenCalls();
  /** Undefined without TLS. */
  readonly #handshakes: HandshakeQueue | undefined;

  constructor({ messageBytesMax, tls, bounds, unreadReplyBytesMax = UNREAD_REPLY_BYTES_MAX, onDropped }: GrpcServerOptions) {
    this.#bounds = bounds;
    this.#drops = new DropReports(onDropped);
    this.#unread = new UnreadReplies({
      bytesMax: unreadReplyBytesMax,
      messageBytesMax,
      onExceeded: (peer, bytes) => this.#drop(peer, `it left ${bytes} bytes of replies unread`),
    });
    this.#grpc = new Server({ ...serverOptions(messageBytesMax), interceptors: [this.#unread.interceptor] });
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const accept = (socket: Socket): void => this.#onConnection(socket, () => injector.injectConnection(socket));
    this.#handshakes = tls === undefined ? undefined : this.#newHandshakes(tls, accept);
    this.#listener = createServer({ noDelay: true }, (socket) => {
      // Before a handshake, which costs more than all of this.
      if (bounds?.mayConnect(addressOf(socket)) === false) socket.destroy();
      else if (this.#handshakes === undefined) accept(socket);
      else this.#handshakes.add(socket);
    });
    this.#listener.maxConnections = CONNECTIONS_MAX;
  }

  /**
   * @param guard whether a caller may make a call.
   * @param tokenOf the name of the token of a call, for a service of clients: its calls are bounded.
   */
  addService(
    service: ServiceDefinition,
    implementation: UntypedServiceImplementation,
    guard: Guard,
    tokenOf?: (metadata: Metadata) => string | undefined,
  ): void {
    this.#grpc.addService(this.#unread.counted(service), this.#guarded(implementation, guard, tokenOf));
  }

  /** Operations arrive on a stream. @returns 0 if they may be executed; else after how many ms they may. */
  takeRequests(call: ServerCall, token: string | undefined, operations: number): number {
    const identity = this.#identityOf(call.getPeer(), token);
    return identity === undefined ? 0 : (this.#bounds?.takeRequests(identity, operations) ?? 0);
  }

  /** Something that arrived on a stream was rejected. */
  onRejected(call: ServerCall, token: string | undefined): void {
    const peer = call.getPeer();
    const identity = this.#identityOf(peer, token);
    if (identity !== undefined && this.#bounds?.onRejected(identity) === false) this.#drop(peer, REJECTED_OFTEN);
  }

  /** A message is written to a stream. @returns to be called once it is sent, or the stream has ended. */
  onWrite(peer: string, bytes: number): () => void {
    return this.#unread.add(peer, bytes);
  }

  /** @param peer `host:port` of the other side of a call in progress. @returns what became of its connection, to be called later. */
  connectionOf(peer: string): () => ConnectionState {
    const connection = this.#sockets.get(peer);
    return () => (connection === undefined ? 'dropped' : stateOf(connection.socket));
  }

  /** What guards permit has changed: calls in progress that are not permitted any more end. */
  recheckCalls(): void {
    this.#calls.recheck();
  }

  /** @param setting that the address comes from, for the error. @throws {ConfigError} if the address cannot be used. @returns the port. */
  async listen(address: string, setting: string): Promise<number> {
    const { host, port } = hostAndPort(address);
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', (error: NodeJS.ErrnoException) => reject(unusableAddress(setting, address, error)));
      this.#listener.listen({ host, port, exclusive: true }, resolve);
    });
    const bound = this.#listener.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  /** Lets calls in progress end, for a bounded time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#handshakes?.[Symbol.dispose]();
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => this.#grpc.forceShutdown(), SHUTDOWN_MS_MAX);
      this.#grpc.tryShutdown(() => {
        clearTimeout(late);
        resolve();
      });
    });
    for (const { socket } of this.#sockets.values()) socket.destroy();
  }

  #newHandshakes(tls: TlsFiles, accept: (socket: Socket) => void): HandshakeQueue {
    const secured = this.#secured(tls, accept);
    return new HandshakeQueue({ begin: (socket) => secured.emit('connection', socket), silenceMsMax: HANDSHAKE_MS_MAX });
  }

  /** Callers without a certificate that counts are rejected call by call, with the reason, which a handshake could not give. */
  #secured(tls: TlsFiles, onConnection: (socket: Socket) => void): TlsServer {
    const context = ({ ca, certificate, key }: TlsIdentity) => ({ ca, cert: certificate, key, minVersion: 'TLSv1.2' as const });
    const server = createTlsServer(
      {
        ...context(tls.current),
        ...{ requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['h2'], noDelay: true, handshakeTimeout: HANDSHAKE_MS_MAX },
      },
      onConnection,
    );
    server.on('tlsClientError', (error, socket) => {
      this.#drops.add(`${socket.remoteAddress}:${socket.remotePort}`, `TLS was not agreed upon: ${error.message}`, performance.now());
      socket.destroy();
    });
    tls.onRenewed((identity) => server.setSecureContext(context(identity)));
    return server;
  }

  #onConnection(socket: Socket, serve: () => void): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const caller = callerOn(socket);
    const identity = identityOn(socket, caller);
    socket.on('error', () => undefined);
    if (identity !== undefined && this.#bounds?.openConnection(identity) === false) {
      this.#drops.add(peer, `too many connections of its client (${identity})`, performance.now());
      socket.destroy();
      return;
    }
    this.#sockets.set(peer, { socket, caller, identity });
    socket.on('close', () => {
      this.#sockets.delete(peer);
      if (identity !== undefined) this.#bounds?.closeConnection(identity);
    });
    serve();
  }

  /** Of a client, by the name of its token if it has one; undefined for a node, and for a connection that is gone. */
  #identityOf(peer: string, token: string | undefined): string | undefined {
    const identity = this.#sockets.get(peer)?.identity;
    return identity === undefined || token === undefined ? identity : `token ${token}`;
  }

  #boundsOf(call: ServerCall, tokenOf: (metadata: Metadata) => string | undefined) {
    const peer = call.getPeer();
    const bounds = this.#bounds;
    const identity = this.#identityOf(peer, undefined);
    if (bounds === undefined || identity === undefined) return undefined;
    return callBounds({
      ...{ call, bounds, onExcess: () => this.#drop(peer, REJECTED_OFTEN) },
      identity: () => this.#identityOf(peer, tokenOf(call.metadata)) ?? identity,
    });
  }

  #guarded(
    implementation: UntypedServiceImplementation,
    guard: Guard,
    tokenOf?: (metadata: Metadata) => string | undefined,
  ): UntypedServiceImplementation {
    return Object.fromEntries(
      Object.entries(implementation).map(([method, handle]) => {
        const guarded = (call: ServerCall, reply?: (rejection: CallRejection | null) => void): void => {
          this.#calls.begin({
            ...{ call, reply, rejectionOf: () => guard(this.callerOf(call.getPeer()), method, call) },
            bounds: tokenOf === undefined ? undefined : this.#boundsOf(call, tokenOf),
            serve: (...served) => Reflect.apply(handle, undefined, served),
          });
        };
        return [method, guarded];
      }),
    );
  }

  /** @param peer `host:port` of the other side of a call. A connection that is gone has no caller any more; its calls end. */
  callerOf(peer: string): Caller {
    return this.#sockets.get(peer)?.caller ?? { type: 'unauthenticated', reason: 'The connection is closed.' };
  }

  #drop(peer: string, reason: string): void {
    const { socket } = this.#sockets.get(peer) ?? {};
    if (socket === undefined || socket.destroyed) return;
    // At once: HTTP/2 ends a stream only once its other side has read what was sent before.
    socket.destroy();
    this.#drops.add(peer, reason, performance.now());
  }
}

const REJECTED_OFTEN = 'its client was rejected again and again';

const addressOf = ({ remoteAddress }: Socket): string => `address ${remoteAddress}`;

function identityOn(socket: Socket, caller: Caller): string | undefined {
  if (caller.type === 'node') return undefined;
  return caller.type === 'client' ? `certificate ${caller.name}` : addressOf(socket);
}

function stateOf(socket: Socket): ConnectionState {
  const { code }: NodeJS.ErrnoException = socket.errored ?? new Error();
  if (socket.readableEnded || RESETS.includes(code)) return 'ended';
  return socket.destroyed ? 'dropped' : 'open';
}
