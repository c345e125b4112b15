import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ClientChannel, ClientChannelHandlers } from '../../src/client/endpoint.ts';

/** A client's channel to one node of a fake cluster. */
export interface FakeConnection {
  readonly node: number;
  readonly handlers: ClientChannelHandlers;
  /** Messages posted here are read in a later phase of the event loop than timers, as from a real node's port. */
  readonly port: MessagePort;
  /** The client's side of it. */
  readonly clientPort: MessagePort;
  isOpen: boolean;
}

interface FakeChannelsHandlers {
  readonly onPacket: (connection: FakeConnection, packet: Uint8Array) => void;
  readonly onClosed: (connection: FakeConnection) => void;
  /** Whether the node sends nothing. */
  readonly isSilent: (node: number) => boolean;
}

/** The channels between clients and the nodes of a fake cluster. */
export class FakeChannels {
  readonly #handlers: FakeChannelsHandlers;
  readonly #connections = new Set<FakeConnection>();

  constructor(handlers: FakeChannelsHandlers) {
    this.#handlers = handlers;
  }

  get size(): number {
    return this.#connections.size;
  }

  open(node: number, handlers: ClientChannelHandlers): ClientChannel {
    const { port1: port, port2: clientPort } = new MessageChannel();
    const connection: FakeConnection = { node, handlers, port, clientPort, isOpen: true };
    this.#connections.add(connection);
    clientPort.on('message', (packet: Uint8Array) => {
      if (connection.isOpen && !this.#handlers.isSilent(node)) handlers.onPacket(packet);
    });
    return {
      send: (packet) => {
        if (connection.isOpen) this.#handlers.onPacket(connection, packet.slice());
      },
      close: () => this.#close(connection),
    };
  }

  /** Like the end of one node: its channels are lost, with all unread messages. */
  loseNode(node: number): void {
    for (const connection of [...this.#connections]) {
      if (connection.node !== node) continue;
      this.#close(connection);
      setImmediate(() => connection.handlers.onLost());
    }
  }

  /** Like the end of the cluster: messages sent before still arrive. */
  end(): void {
    for (const connection of [...this.#connections]) {
      connection.clientPort.once('close', () => connection.handlers.onLost());
      connection.port.close();
      this.#connections.delete(connection);
    }
  }

  close(): void {
    for (const connection of [...this.#connections]) this.#close(connection);
  }

  #close(connection: FakeConnection): void {
    connection.isOpen = false;
    connection.port.close();
    this.#connections.delete(connection);
    this.#handlers.onClosed(connection);
  }
}
