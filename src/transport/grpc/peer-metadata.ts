import { Metadata } from '@grpc/grpc-js';
import { HandshakeError } from '../../base/errors.ts';
import { callerOf, lifeOfWelcome, type PeerCall, type PeerIdentity, type PeerLife, peerCall, welcomeOf } from '../peer-identity.ts';

const NAMES = ['protocol', 'cluster', 'from', 'to', 'disk', 'generation', 'life'] as const satisfies readonly (keyof PeerCall)[];
const WELCOME = ['disk', 'generation', 'life'] as const satisfies readonly (keyof PeerLife)[];
const TO_LIFE = 'jobraft-to-life';
const CHANNEL = 'jobraft-channel';
const ADDRESS = 'jobraft-address';

/** The calls between two lives of two nodes: those that belong to one call of Exchange, which opens the channel. */
export interface CallerChannel {
  readonly identity: PeerIdentity;
  /** Counts the channels that the caller has opened to this node. */
  readonly channel: number;
}

/**
 * @param toLife of the node that is called; zero in the call that opens the channel.
 * @param address where the caller listens; only in the call that opens the channel.
 */
export function helloMetadata(own: PeerIdentity, to: number, channel: number, toLife: number, address?: string): Metadata {
  const metadata = new Metadata();
  const call = peerCall(own, to);
  for (const name of NAMES) metadata.set(`jobraft-${name}`, String(call[name]));
  metadata.set(CHANNEL, String(channel));
  metadata.set(TO_LIFE, String(toLife));
  if (address !== undefined) metadata.set(ADDRESS, address);
  return metadata;
}

export function welcomeMetadata(own: PeerIdentity): Metadata {
  const metadata = new Metadata();
  const welcome = welcomeOf(own);
  for (const name of WELCOME) metadata.set(`jobraft-${name}`, String(welcome[name]));
  return metadata;
}

/** The life of the node that was called. @throws {HandshakeError} for metadata that are no welcome. */
export const lifeIn = (metadata: Metadata): PeerLife =>
  lifeOfWelcome(Object.fromEntries(WELCOME.map((name) => [name, naturalIn(metadata, `jobraft-${name}`)])));

/**
 * The caller, if it means this life of this node.
 * @param isOpening whether the call opens the channel: then it does not know the life that it calls.
 * @throws {HandshakeError}
 */
export function callerIn(metadata: Metadata, own: PeerIdentity, isOpening: boolean): CallerChannel {
  const numbers = NAMES.map((name) => [name, naturalIn(metadata, `jobraft-${name}`)]);
  // The only cast: the names are those of the call's fields.
  const identity = callerOf(Object.fromEntries(numbers) as PeerCall, own);
  const channel = naturalIn(metadata, CHANNEL);
  if (channel === undefined) throw new HandshakeError(`The call of node ${identity.node} does not say to which channel it belongs.`);
  if (!isOpening && naturalIn(metadata, TO_LIFE) !== own.life)
    throw new HandshakeError(`The call of node ${identity.node} means an earlier life of node ${own.node}.`);
  return { identity, channel };
}

/** Where the caller says that it listens; nodes of earlier releases do not say it. */
export function addressIn(metadata: Metadata): string | undefined {
  const [text] = metadata.get(ADDRESS);
  return typeof text === 'string' ? text : undefined;
}

export function naturalIn(metadata: Metadata, name: string): number | undefined {
  const [text] = metadata.get(name);
  if (typeof text !== 'string' || !/^[0-9]{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
