/** Limits of one node, and when it writes a checkpoint. Sizes in bytes. */
export interface NodeLimits {
  /** Most bytes of requests that are collected into one log entry; one request always fits. */
  readonly entryBytesMax: number;
  /** Most bytes of payloads in the reply to one claim, and in one part of the reply to queries; one job always fits. */
  readonly replyBytesMax: number;
  /**
   * Most bytes that a turn reads from peers, reads from clients, applies, and replies with, each; one frame, entry or reply always fits.
   */
  readonly turnBytesMax: number;
  /** A checkpoint is due after this many log entries … */
  readonly checkpointEntries: number;
  /** … or after this many bytes of them … */
  readonly checkpointBytes: number;
  /** … or once about this many records have changed: it bounds how long a checkpoint blocks the node. */
  readonly checkpointRecords: number;
  /** Entries kept before the checkpoint, so that a slightly slow follower needs no snapshot. */
  readonly tailEntries: number;
  /** Most bytes of these entries; they stay in memory. */
  readonly tailBytes: number;
  /** Most bytes of further entries kept for a follower that replies and still needs them, after its snapshot or its log; in memory, too. */
  readonly followerTailBytes: number;
  /** Bytes of records in one InstallSnapshot; up to four of them are in flight to a follower. */
  readonly snapshotChunkBytes: number;
  /** Most requests that wait at the leader, such as claims for a job. */
  readonly parkedClaimsMax: number;
}

export const NODE_LIMIT_DEFAULTS: NodeLimits = Object.freeze({
  entryBytesMax: 256 * 1024,
  replyBytesMax: 2 * 1024 * 1024,
  turnBytesMax: 4 * 1024 * 1024,
  checkpointEntries: 20_000,
  checkpointBytes: 8 * 1024 * 1024,
  checkpointRecords: 10_000,
  tailEntries: 1_000,
  tailBytes: 16 * 1024 * 1024,
  followerTailBytes: 256 * 1024 * 1024,
  snapshotChunkBytes: 1024 * 1024,
  parkedClaimsMax: 10_000,
});
