import { ConfigError } from '../base/errors.ts';
import { PAYLOAD_IN_ENTRY_BYTES } from '../queue/checkpoint-layout.ts';

/** What one node takes on at most, and when it writes a checkpoint. Sizes in bytes. */
export interface NodeLimits {
  /** Most bytes of one job's payload, or of one result. */
  readonly payloadBytesMax: number;
  /** Most bytes of requests that are gathered into one log entry; one request always fits. */
  readonly entryBytesMax: number;
  /** Most bytes of payloads that one claim brings, and that one part of the reply to queries has; one job always fits. */
  readonly replyBytesMax: number;
  /** Most bytes that a turn reads from peers and from clients, applies, and replies with, each; one frame, entry or reply always fits. */
  readonly turnBytesMax: number;
  /** A checkpoint is due after this many log entries … */
  readonly checkpointEntries: number;
  /** … or after this many bytes of them … */
  readonly checkpointBytes: number;
  /** … or once about this many records have changed: it bounds how long a checkpoint holds the node up. */
  readonly checkpointRecords: number;
  /** Entries kept behind the checkpoint, so that a follower that is a little slow needs no snapshot. */
  readonly tailEntries: number;
  /** Most bytes of such entries; they stay in memory. */
  readonly tailBytes: number;
  /** Most bytes of entries kept beyond that while a follower that replies still wants them, behind its snapshot or its log; in memory, too. */
  readonly followerTailBytes: number;
  /** A payload of at least so many bytes stays in its log entry, which the checkpoint keeps for it, instead of being written a second time. */
  readonly payloadInEntryBytes: number;
  /** Bytes of records in one InstallSnapshot; up to four of them are on their way to a follower. */
  readonly snapshotChunkBytes: number;
  /** Most claims that wait at the leader for a job. */
  readonly parkedClaimsMax: number;
}

export const LIMIT_DEFAULTS: NodeLimits = Object.freeze({
  payloadBytesMax: 4 * 1024 * 1024,
  entryBytesMax: 256 * 1024,
  replyBytesMax: 2 * 1024 * 1024,
  turnBytesMax: 4 * 1024 * 1024,
  checkpointEntries: 20_000,
  checkpointBytes: 8 * 1024 * 1024,
  checkpointRecords: 10_000,
  tailEntries: 1_000,
  tailBytes: 16 * 1024 * 1024,
  followerTailBytes: 256 * 1024 * 1024,
  payloadInEntryBytes: PAYLOAD_IN_ENTRY_BYTES,
  snapshotChunkBytes: 1024 * 1024,
  parkedClaimsMax: 10_000,
});

/** @throws {ConfigError} naming the key and the remedy. */
export function nodeLimits(overrides: Partial<NodeLimits> = {}): NodeLimits {
  const limits: NodeLimits = Object.freeze({ ...LIMIT_DEFAULTS, ...overrides });
  for (const [key, value] of Object.entries(limits)) {
    if (!(key in LIMIT_DEFAULTS))
      throw new ConfigError(`limits.${key}`, value, `No such limit; known are ${Object.keys(LIMIT_DEFAULTS).join(', ')}.`);
    const least = key === 'tailEntries' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least)
      throw new ConfigError(`limits.${key}`, value, `Give a whole number of at least ${least}.`);
  }
  return limits;
}
