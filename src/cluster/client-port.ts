import type { MessagePort } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
import type { ClientChannel, ClientChannelHandlers } from '../transport/port.ts';

/** A client's channel to a node's thread. @param hand gives the node its end. */
export function openClientPort(handlers: ClientChannelHandlers, hand: (port: MessagePort) => void): ClientChannel {
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
    send: (packet) => port1.postMessage(packet),
    close: () => {
      isClosed = true;
      port1.close();
    },
  };
}
