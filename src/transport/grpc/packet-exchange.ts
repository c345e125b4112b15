import { Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { plainBytes } from '../../base/bytes.ts';
import { HandshakeError } from '../../base/errors.ts';
import { type ClientHello, type ClientWelcome, checkClientHello } from '../client-hello.ts';
import { naturalIn } from './peer-metadata.ts';

/** Unread bytes of one client beyond which nothing more is read from its channel. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;

/** More are rejected. */
const CLIENTS_MAX = 10_000;
/** Names the process that has leases: see {@link PacketExchangeOptions.onHolder}. */
const HOLDER = 'jobraft-holder';
const NAMES = ['protocol', 'cluster', 'node'] as const satisfies readonly (keyof ClientHello)[];

export interface PacketProto {
  readonly packet: Uint8Array;
}
export type PacketCall = ServerDuplexStream<PacketProto, PacketProto>;

export interface PacketExchangeOptions {
  /** Undefined while the node does not know its cluster. */
  readonly own: () => ClientWelcome | undefined;
  /** The largest packet that is accepted. */
  readonly packetBytesMax: number;
  /** The number of the first client; the next ones follow. */
  readonly firstConnection: number;
  /** What of a packet its client may send, and the packet that it receives in place of the rest. Default: all. */
  readonly screen?: (
    call: PacketCall,
    packet: Uint8Array,
  ) => { readonly passed: Uint8Array | undefined; readonly reply?: Uint8Array | undefined };
  /** A packet is sent to a client, and a client has gone. */
  readonly watch?: { readonly onReplies: (call: PacketCall, packet: Uint8Array) => void; readonly onEnd: (call: PacketCall) => void };
  /** @returns bytes of this client's packets that the node has not read yet. */
  readonly onPacket: (connection: number, packet: Uint8Array) => number;
  readonly onGone: (connection: number) => void;
  /** The process of this holder has a channel. @param peer `host:port`. @returns called once the channel has ended. */
  readonly onHolder?: (holder: number, peer: string) => () => void;
  /** A packet is written. @param peer `host:port`. @returns called once it is sent, or its client is gone. */
  readonly onWrite: (peer: string, bytes: number) => () => void;
  readonly onReadable: () => void;
}

interface Client {
  readonly call: PacketCall;
  readonly peer: string;
  /** One for each packet that is not sent yet. */
  readonly unsent: Set<() => void>;
  readonly onHolderGone: (() => void) | undefined;
}

/** The clients of a node that are connected by the call Exchange of the service Cluster, each with a number. */
export class PacketExchange implements Disposable {
  readonly #options: PacketExchangeOptions;
  readonly #clients = new Map<number, Client>();
  readonly #paused = new Set<number>();
  #nextConnection: number;

  constructor(options: PacketExchangeOptions) {
    this.#options = options;
    this.#nextConnection = options.firstConnection;
  }

  /** Part of the service Cluster. */
  readonly serve = (call: PacketCall): void => {
    const { onHolder, onPacket, onReadable, packetBytesMax } = this.#options;
    const rejection = this.#rejectionOf(call.metadata);
    if (rejection !== undefined) {
      call.emit('error', rejection);
      return;
    }
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    const peer = call.getPeer();
    const holder = naturalIn(call.metadata, HOLDER) ?? 0;
    const onHolderGone = holder === 0 ? undefined : onHolder?.(holder, peer);
    this.#clients.set(connection, { call, peer, unsent: new Set(), onHolderGone });
    const onEnd = (): void => this.#onEnd(connection);
    call.on('cancelled', onEnd).on('end', onEnd).on('error', onEnd);
    call.on('data', ({ packet }: PacketProto) => {
      if (packet.length > packetBytesMax) {
        call.emit('error', {
          code: status.RESOURCE_EXHAUSTED,
          details: `A packet of ${packet.length} bytes; this node accepts ${packetBytesMax} at most.`,
        });
        return;
      }
      const passed = this.#screened(connection, call, plainBytes(packet));
      if (passed === undefined) return;
      if (onPacket(connection, passed) > UNREAD_BYTES_MAX) {
        this.#paused.add(connection);
        call.pause();
      }
      onReadable();
    });
    // Its client knows by this that the channel is open.
    call.sendMetadata(new Metadata());
  };

  /** Nothing happens if the client is gone. */
  send(connection: number, packet: Uint8Array): void {
    const client = this.#clients.get(connection);
    if (client === undefined) return;
    this.#options.watch?.onReplies(client.call, packet);
    const onSent = this.#options.onWrite(client.peer, packet.length);
    client.unsent.add(onSent);
    client.call.write({ packet }, () => {
      client.unsent.delete(onSent);
      onSent();
    });
  }

  /** The node has read a part: reads again from all clients, until one has too much unread again. */
  onTurn(): void {
    for (const connection of this.#paused) this.#clients.get(connection)?.call.resume();
    this.#paused.clear();
  }

  [Symbol.dispose](): void {
    for (const { call } of this.#clients.values()) call.end();
    this.#clients.clear();
  }

  #screened(connection: number, call: PacketCall, packet: Uint8Array): Uint8Array | undefined {
    const { screen } = this.#options;
    if (screen === undefined) return packet;
    const { passed, reply } = screen(call, packet);
    if (reply !== undefined) this.send(connection, reply);
    return passed;
  }

  #rejectionOf(metadata: Metadata): { readonly code: status; readonly details: string } | undefined {
    const own = this.#options.own();
    if (own === undefined) return { code: status.UNAVAILABLE, details: 'The cluster is not formed yet.' };
    if (this.#clients.size >= CLIENTS_MAX)
      return {
        code: status.RESOURCE_EXHAUSTED,
        details: `This node has ${CLIENTS_MAX} clients, and takes no more. Close some, or use another node.`,
      };
    try {
      checkClientHello(Object.fromEntries(NAMES.map((name) => [name, naturalIn(metadata, `jobraft-${name}`)])), own);
      return undefined;
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      return { code: status.FAILED_PRECONDITION, details: error.message };
    }
  }

  #onEnd(connection: number): void {
    const client = this.#clients.get(connection);
    if (client === undefined) return;
    this.#clients.delete(connection);
    this.#paused.delete(connection);
    client.call.end();
    for (const onSent of client.unsent) onSent();
    client.onHolderGone?.();
    this.#options.watch?.onEnd(client.call);
    this.#options.onGone(connection);
    this.#options.onReadable();
  }
}

/** The metadata with which a client opens its channel. @param holder of leases; zero for none. */
export function clientMetadata(hello: ClientHello, holder = 0): Metadata {
  const metadata = new Metadata();
  for (const name of NAMES) metadata.set(`jobraft-${name}`, String(hello[name]));
  if (holder !== 0) metadata.set(HOLDER, String(holder));
  return metadata;
}
