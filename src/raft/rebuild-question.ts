import type { NodeId } from '../base/ids.ts';

/** The request whether a node's disk may be discarded. */
export interface RebuildQuestion {
  readonly node: NodeId;
  /** Chosen by the requester: a repeated request has the same number. */
  readonly question: number;
}

/** What must be confirmed before a disk may be discarded. */
export interface PendingRebuild extends RebuildQuestion {
  /** The heartbeat round that began after the request. */
  readonly round: number;
  /** The commit index at that time. */
  readonly commit: number;
}
