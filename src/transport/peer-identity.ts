import { HandshakeError } from '../base/errors.ts';
import { asGeneration, counterOf } from '../base/generation.ts';
import { CHANNEL_PROTOCOL } from './handshake.ts';

/** Who a node is, in the handshake with its peers. */
export interface PeerIdentity {
  readonly cluster: number;
  readonly node: number;
  readonly disk: number;
  /** The generation of its file. */
  readonly generation: number;
  /** A random number of its process, from 1 on. */
  readonly life: number;
}

/** One life of a node that was called, in its reply. */
export type PeerLife = Pick<PeerIdentity, 'disk' | 'generation' | 'life'>;

/** What a node says when it calls another one; anything may have been sent. */
export interface PeerCall {
  readonly protocol?: unknown;
  readonly cluster?: unknown;
  readonly from?: unknown;
  readonly to?: unknown;
  readonly disk?: unknown;
  readonly generation?: unknown;
  readonly life?: unknown;
}

/** The call of `own` to a node. */
export const peerCall = (own: PeerIdentity, to: number): { readonly [Name in keyof PeerCall]: number } => ({
  protocol: CHANNEL_PROTOCOL,
  cluster: own.cluster,
  from: own.node,
  to,
  disk: own.disk,
  generation: own.generation,
  life: own.life,
});

/** The caller, if it means this node. @throws {HandshakeError} */
export function callerOf({ protocol, cluster, from, to, disk, generation, life }: PeerCall, own: PeerIdentity): PeerIdentity {
  if (!isNatural(protocol) || !isNatural(cluster) || !isNatural(from) || !isNatural(to))
    throw new HandshakeError('The call has no handshake of a jobraft node. Clients call the services of proto/jobraft.proto.');
  if (protocol !== CHANNEL_PROTOCOL)
    throw new HandshakeError(
      `Node ${from} speaks version ${protocol} of the protocol, node ${own.node} version ${CHANNEL_PROTOCOL}. Use the same release of jobraft on all nodes.`,
    );
  if (own.cluster === 0) throw new HandshakeError(`Node ${own.node} does not know its cluster yet.`);
  if (cluster !== own.cluster)
    throw new HandshakeError(
      `Node ${from} belongs to cluster ${cluster}, node ${own.node} to cluster ${own.cluster}. Empty the folder of the one whose cluster was given up, and start it with --join.`,
    );
  if (to !== own.node)
    throw new HandshakeError(`The call means node ${to}, and this is node ${own.node}. Correct the addresses of the nodes.`);
  if (from === own.node)
    throw new HandshakeError(`Node ${from} calls itself, or another process runs with its id. Give each node an id of its own.`);
  if (!isNatural(disk) || !isNatural(generation) || !isNatural(life) || life === 0)
    throw new HandshakeError(`Node ${from} names no disk, generation or life.`);
  return { cluster, node: from, disk, generation, life };
}

export const welcomeOf = ({ disk, generation, life }: PeerIdentity): PeerLife => ({ disk, generation, life });

/** @throws {HandshakeError} for what no node replies. */
export function lifeOfWelcome({ disk, generation, life }: { readonly [Name in keyof PeerLife]?: unknown }): PeerLife {
  if (isNatural(disk) && isNatural(generation) && isNatural(life) && life > 0) return { disk, generation, life };
  throw new HandshakeError('The other side of the channel is no node: its reply names no disk, generation or life.');
}

/** Why a channel to a node is not used. */
export const earlierLife = (node: number): HandshakeError =>
  new HandshakeError(`At the address of node ${node} listens an earlier life of it than the one that calls this node. End that process.`);

const isNatural = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** Whether a channel of `next` may replace that of `known`: it is of the same life, or of a later one. */
export const isNotEarlier = (known: PeerLife, next: PeerLife): boolean =>
  known.life === next.life ||
  known.disk !== next.disk ||
  counterOf(asGeneration(next.generation)) >= counterOf(asGeneration(known.generation));
