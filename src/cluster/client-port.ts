import type { MessagePort } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
import { ConfigError } from '../base/errors.ts';
import type { ClientChannel, ClientChannelHandlers } from '../client/endpoint.ts';
import { CHANNEL_HANDLERS, parseSettings } from './cluster-arguments.ts';
import { OWN_MEMORY } from './own-memory.ts';

/**
 * A client's channel to a node's thread. @param hand passes the node's port to the node.
 * @throws {ConfigError} for handlers that are not functions; `send` throws it for a value that is not a packet.
 */
export function openClientPort(handlers: ClientChannelHandlers, hand: (port: MessagePort) => void): ClientChannel {
  parseSettings(CHANNEL_HANDLERS, handlers, 'handlers');
  const { port1, port2 } = new MessageChannel();
  let isClosed = false;
  port1.on('message', (packet: Uint8Array) => handlers.onPacket(packet));
  port1.on('close', () => {
    if (isClosed) return;
    isClosed = true;
    handlers.onLost();
  });
  hand(port2);
  return {
    send: (packet) => {
      if (!(packet instanceof Uint8Array)) throw new ConfigError('packet', packet, 'Give a Uint8Array.');
      port1.postMessage(packet);
    },
    memory: OWN_MEMORY,
    close: () => {
      isClosed = true;
      port1.close();
    },
  };
}
