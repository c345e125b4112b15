import type { NodeId } from '../base/ids.ts';

/** The question whether a node's disk may be given up. */
export interface RebuildQuestion {
  readonly node: NodeId;
  /** Chosen by who asks: the same question asked again has the same one. */
  readonly question: number;
}

/** What has to be answered before a disk may be given up. */
export interface PendingRebuild extends RebuildQuestion {
  /** The round of heartbeats that began after the question. */
  readonly round: number;
  /** What was committed by then. */
  readonly commit: number;
}
