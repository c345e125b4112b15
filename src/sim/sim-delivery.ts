import { type ClientOptions, clientConfig } from '../client/client-options.ts';
import { Connection } from '../client/delivery/connection.ts';
import { Dispatcher } from '../client/delivery/dispatcher.ts';
import type { ClusterEndpoint } from '../client/endpoint.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** The production client's delivery in simulated time. */
export function openDelivery(endpoint: ClusterEndpoint, options: ClientOptions, time: SimulatedTime): Dispatcher {
  const connection: Connection = new Connection(endpoint, {
    onReply: (reply, node) => dispatcher.onReply(reply, node),
    onReplyPart: (first, reply, node) => dispatcher.onReplyPart(first, reply, node),
    onRequestRejected: (rejection, node) => dispatcher.onRejected(rejection, node),
    onStatus: (_call, status) => dispatcher.onStatus(status),
    onLost: (node) => dispatcher.onLost(node),
    onLog: () => undefined,
    onDone: () => undefined,
    onAdminRejected: () => undefined,
  });
  const dispatcher: Dispatcher = new Dispatcher(connection, clientConfig(options), time);
  return dispatcher;
}
