/** Limits of the queue at one node. Sizes in bytes. */
export interface QueueLimits {
  /** Most bytes of one job's payload, or of one result. */
  readonly payloadBytesMax: number;
  /**
   * A payload of at least this many bytes stays in its log entry, which the checkpoint keeps for it, instead of being written a second
   * time.
   */
  readonly payloadInEntryBytes: number;
}

export const QUEUE_LIMIT_DEFAULTS: QueueLimits = Object.freeze({
  payloadBytesMax: 4 * 1024 * 1024,
  payloadInEntryBytes: 8 * 1024,
});
