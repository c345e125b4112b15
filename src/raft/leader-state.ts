import type { LogIndex, NodeId } from '../base/ids.ts';
import type { PendingStep } from './pending-step.ts';
import { Progress } from './progress.ts';
import { ReadRounds } from './read-rounds.ts';
import type { PendingRebuild } from './rebuild-question.ts';

/** A leadership transfer in progress (thesis §3.10). */
export interface Transfer {
  readonly to: NodeId;
  /** When it is aborted, monotonic ms. */
  readonly dueMs: number;
  /** Whether TimeoutNow was sent: once, when the target has the whole log. */
  isAsked: boolean;
}

export interface LeaderStart {
  readonly peers: readonly NodeId[];
  /** The first index after the log, before the entry that begins the term. */
  readonly next: LogIndex;
  readonly nowMs: number;
  readonly heartbeatDueMs: number;
  readonly uncommittedBytes: number;
  readonly isTermOnDisk: boolean;
}

/** What only a leader has: "volatile state on leaders, reinitialized after election" (Raft Figure 2). */
export class LeaderState {
  readonly role = 'leader';
  /** Of each other node that receives the log, by the configuration in force: the same nodes as `peers` after each step. */
  readonly progress = new Map<NodeId, Progress>();
  /** The heartbeat rounds of this term, and the reads that wait for one. */
  readonly reads = new ReadRounds();
  /** Monotonic ms. */
  heartbeatDueMs: number;
  /** Bytes of the entries in (commit, last]. A proposal that would exceed the limit is rejected unless this is zero. */
  uncommittedBytes: number;
  /** While it is in progress no proposal and no membership change is accepted, and no automatic step is taken. */
  transfer: Transfer | undefined;
  /** The latest request whether a disk may be discarded; its round is at most `reads.current`. */
  rebuild: PendingRebuild | undefined;
  /**
   * The step of a membership change for which the leader last asked the voters to confirm that they are available; undefined during a
   * transfer, and once the members have changed. Its round is at most `reads.current`.
   */
  askedStep: PendingStep | undefined;
  /** This leader asked another node to lead: that node may be elected at any time, lease or not. Never false again in this term. */
  isLeaseRevoked = false;
  /** A leader that needed only its own vote leads before its term is on disk: until then all its messages wait for the disk. */
  isTermOnDisk: boolean;

  constructor({ peers, next, nowMs, heartbeatDueMs, uncommittedBytes, isTermOnDisk }: LeaderStart) {
    // "for each server, index of the next log entry to send to that server (initialized to leader last log index + 1)" (Raft Figure 2).
    for (const peer of peers) this.progress.set(peer, new Progress(next, nowMs));
    this.heartbeatDueMs = heartbeatDueMs;
    this.uncommittedBytes = uncommittedBytes;
    this.isTermOnDisk = isTermOnDisk;
  }
}
