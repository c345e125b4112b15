import type { NodeId, Term } from '../base/ids.ts';
import { ElectionTimer } from './election-timer.ts';
import { FollowerState } from './follower-state.ts';
import type { SharedState } from './shared-state.ts';

/** Steps down to follower, and adopts `term` if it is newer. A vote is dropped only with its term. */
export function becomeFollower(core: SharedState, term: Term, leader: NodeId | undefined): FollowerState {
  core.setHardState(term, term === core.term ? core.votedFor : undefined);
  const { state } = core;
  if (state.role === 'follower') {
    followLeader(core, state, leader);
    return state;
  }
  const follower = new FollowerState(timerAfter(core, state), leader, false);
  core.become(follower);
  return follower;
}

/** The timer of a candidate goes on, restarted: whether the leader was lost outlasts the election. */
function timerAfter(core: SharedState, state: Exclude<SharedState['state'], FollowerState>): ElectionTimer {
  if (state.role === 'leader') return new ElectionTimer(core.config, core.random, core.now);
  state.timer.reset(core.now);
  return state.timer;
}

function followLeader(core: SharedState, follower: FollowerState, leader: NodeId | undefined): void {
  if (leader === follower.leader) return;
  follower.leader = leader;
  follower.leaderCommit = undefined;
  if (leader !== undefined) core.effects.notices.push({ type: 'leader-known', term: core.term, leader });
}
