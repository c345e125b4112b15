import type { SharedState } from './shared-state.ts';

/**
 * This node read nothing for a while. Whatever kept it from running, such as a busy processor or a slow disk, may keep the other nodes from
 * running too, so this time does not count as their silence. The excused time is bounded by an election timeout plus one absence: a node
 * that is always late still notices that the leader, or a majority of its followers, is gone.
 */
export function onAway(core: SharedState, durationMs: number): void {
  const { now, config, state } = core;
  if (state.role === 'leader') {
    for (const progress of state.progress.values()) progress.excuse(durationMs, now, config.electionTimeoutMs);
    return;
  }
  const { timer } = state;
  if (timer.excusedMs >= config.electionTimeoutMs) return;
  timer.excusedMs += durationMs;
  core.leaderContactMs = Math.min(now, core.leaderContactMs + durationMs);
  // Once the leader's channel has closed there is nothing left to wait for. Candidates do not wait for the leader.
  if (state.role === 'follower' && !timer.isLeaderLost) timer.prolong(durationMs, now);
}
