import type { NodeId } from '../base/ids.ts';
import type { ElectionTimer } from './election-timer.ts';

/** What only a candidate has: a new one for each round of pre-votes or votes. */
export class CandidateState {
  /** A pre-candidate has not raised the term: it asks for pre-votes of the next one (thesis §9.6). */
  readonly role: 'pre-candidate' | 'candidate';
  readonly timer: ElectionTimer;
  /** The first reply of each voter in this round, this node's own vote included. */
  readonly votes: Map<NodeId, boolean>;

  constructor(role: 'pre-candidate' | 'candidate', timer: ElectionTimer, self: NodeId) {
    this.role = role;
    this.timer = timer;
    // "To begin an election, a follower increments its current term and transitions to candidate state. It then votes for itself" (Raft §5.2).
    this.votes = new Map([[self, true]]);
  }
}
