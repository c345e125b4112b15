import { HandshakeError } from '../base/errors.ts';

/** Of the frames on sockets. A side that has another one rejects the channel. */
export const CHANNEL_PROTOCOL = 1;

/**
 * The first frame of each side of a socket is JSON: a greeting of the one that opened the channel, then { welcome } or { rejected } with the
 * reason.
 */
export const jsonFrame = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** @throws {HandshakeError} for bytes that are no JSON. */
export function parseJsonFrame(frame: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame));
  } catch (cause) {
    throw new HandshakeError('The other side of the channel does not speak this protocol: its first frame is not JSON.', { cause });
  }
}
