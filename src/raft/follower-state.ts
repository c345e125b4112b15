import type { LogIndex, NodeId } from '../base/ids.ts';
import type { ElectionTimer } from './election-timer.ts';

/** What only a follower has. */
export class FollowerState {
  readonly role = 'follower';
  readonly timer: ElectionTimer;
  /** The leader of the current term, once a message of it has arrived; undefined again when its channel closes. */
  leader: NodeId | undefined;
  /** The commit index in that leader's latest AppendEntries, which this node's own log may not reach yet; undefined before the first. */
  leaderCommit: LogIndex | undefined;
  /** This node learned that it is no longer a member: it starts no election until a leader contacts it. */
  isRemoved: boolean;

  constructor(timer: ElectionTimer, leader: NodeId | undefined, isRemoved: boolean) {
    this.timer = timer;
    this.leader = leader;
    this.isRemoved = isRemoved;
  }
}
