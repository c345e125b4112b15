import type { NodeId, Term } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';

/** Steps down to follower, and adopts `term` if it is newer. A vote is dropped only with its term. */
export function becomeFollower(core: CoreState, term: Term, leader: NodeId | undefined): void {
  const wasFollower = core.role === 'follower';
  core.setHardState(term, term === core.term ? core.votedFor : undefined);
  core.progress.clear();
  core.votes.clear();
  core.reads.clear();
  core.transfer = undefined;
  core.rebuild = undefined;
  core.askedStep = undefined;
  core.isTermOnDisk = true;
  core.changeRole('follower', leader);
  if (!wasFollower) core.resetElectionTimer();
}
