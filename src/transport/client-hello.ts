import { HandshakeError } from '../base/errors.ts';
import { CHANNEL_PROTOCOL } from './handshake.ts';

/** The first frame of a client on a node's socket. */
export interface ClientHello {
  readonly protocol: number;
  /** The node that the client means. */
  readonly node: number;
  /** The id of the cluster that it means; zero if it does not know it yet. */
  readonly cluster: number;
}

/** The node's reply. */
export interface ClientWelcome {
  readonly protocol: number;
  readonly node: number;
  readonly cluster: number;
}

/** Checks that a client means this node. @throws {HandshakeError} */
export function checkClientHello(hello: unknown, own: ClientWelcome): void {
  if (!isHello(hello))
    throw new HandshakeError('The first frame is no greeting of a client. Use the same release of jobraft on both sides.');
  const { protocol, node, cluster } = hello;
  if (protocol !== CHANNEL_PROTOCOL)
    throw new HandshakeError(
      `The client speaks version ${protocol} of the channel's protocol, node ${own.node} version ${CHANNEL_PROTOCOL}. Use the same release of jobraft on both sides.`,
    );
  if (node !== own.node) throw new HandshakeError(`The client means node ${node}, and this is node ${own.node}.`);
  if (cluster !== 0 && cluster !== own.cluster)
    throw new HandshakeError(`The client means cluster ${cluster}, and node ${node} belongs to cluster ${own.cluster}.`);
}

/** Without zod, which each thread of a node would have to load. */
function isHello(value: unknown): value is ClientHello {
  if (typeof value !== 'object' || value === null) return false;
  const { protocol, node, cluster } = value as Partial<Record<keyof ClientHello, unknown>>;
  return [protocol, node, cluster].every(Number.isSafeInteger);
}
