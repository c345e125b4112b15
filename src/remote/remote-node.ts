import type { ClientDuplexStream, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { plainBytes } from '../base/bytes.ts';
import type { ClientChannel, ClientChannelHandlers } from '../client/endpoint.ts';
import type { ClientHello } from '../transport/client-hello.ts';
import type { BackupPieceProto } from '../transport/grpc/backup-piece.ts';
import { channelOptions } from '../transport/grpc/channel-options.ts';
import type { ChannelSecurity } from '../transport/grpc/channel-security.ts';
import { type AddMemberProto, type ClusterClient, clusterClient, type NodeStatusProto } from '../transport/grpc/cluster-service.ts';
import { clientMetadata, type PacketProto } from '../transport/grpc/packet-exchange.ts';

/** What may wait to be sent to a node; the bounds of clients are far below, see `ClientOptions.queuedBytesMax`. */
const UNSENT_BYTES_MAX = 1024 * 1024 * 1024;
/** The largest packet of replies. A node sends at most `limits.turnBytesMax` in one turn, and one reply, however large. */
const MESSAGE_BYTES_MAX = 1024 * 1024 * 1024;

/** One node of a cluster of processes, as its clients reach it. */
export class RemoteNode implements Disposable {
  readonly address: string;
  readonly #security: ChannelSecurity;
  #version: number;
  #latest: ClusterClient;

  constructor(address: string, security: ChannelSecurity) {
    this.address = address;
    this.#security = security;
    this.#version = security.version();
    this.#latest = this.#newClient();
  }

  /** @returns an error if it does not reply in time. */
  status(timeoutMs: number): Promise<NodeStatusProto | ServiceError> {
    return new Promise((resolve) => {
      this.#client.GetStatus({}, { deadline: Date.now() + timeoutMs }, (error, status) => {
        if (error !== null) resolve(error);
        else if (status !== undefined) resolve(status);
      });
    });
  }

  /** @returns the error if the node is not added in time. */
  addMember(request: AddMemberProto, timeoutMs: number): Promise<ServiceError | undefined> {
    return new Promise((resolve) => {
      this.#client.AddMember(request, { deadline: Date.now() + timeoutMs }, (error) => resolve(error ?? undefined));
    });
  }

  /** Everything that was acknowledged before, if the node leads. It has no deadline. */
  backup(): ClientReadableStream<BackupPieceProto> {
    return this.#client.Backup({});
  }

  /** @param holder of leases, whose process the channel shows to be there. Default: 0, none. */
  openChannel(hello: ClientHello, handlers: ClientChannelHandlers, holder = 0): ClientChannel {
    return new RemoteChannel(this.#client.Exchange(clientMetadata(hello, holder)), handlers);
  }

  [Symbol.dispose](): void {
    this.#latest.close();
  }

  /** With the present certificate. Calls of the client before go on to their end. */
  get #client(): ClusterClient {
    const version = this.#security.version();
    if (version !== this.#version) {
      this.#latest.close();
      this.#latest = this.#newClient();
      this.#version = version;
    }
    return this.#latest;
  }

  #newClient(): ClusterClient {
    return clusterClient(this.address, { options: channelOptions(MESSAGE_BYTES_MAX), security: this.#security });
  }
}

class RemoteChannel implements ClientChannel {
  readonly #stream: ClientDuplexStream<PacketProto, PacketProto>;
  readonly #handlers: ClientChannelHandlers;
  #unsentBytes = 0;
  #isClosed = false;

  constructor(stream: ClientDuplexStream<PacketProto, PacketProto>, handlers: ClientChannelHandlers) {
    this.#stream = stream;
    this.#handlers = handlers;
    stream.on('data', ({ packet }: PacketProto) => {
      if (!this.#isClosed) handlers.onPacket(plainBytes(packet));
    });
    stream.on('error', () => this.#lose()).on('end', () => this.#lose());
  }

  send(packet: Uint8Array): void {
    if (this.#isClosed) return;
    this.#unsentBytes += packet.length;
    this.#stream.write({ packet }, () => {
      this.#unsentBytes -= packet.length;
    });
    if (this.#unsentBytes > UNSENT_BYTES_MAX) this.#stream.cancel();
  }

  /** What was sent before still arrives. */
  close(): void {
    this.#isClosed = true;
    this.#stream.end();
  }

  #lose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handlers.onLost();
  }
}
