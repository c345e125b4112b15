import type { CoreState } from './core-state.ts';

/**
 * This node read nothing for a while. Whatever kept it from running, such as a busy processor or a slow disk, may keep the other nodes from
 * running too, so this time does not count as their silence. The excused time is bounded by an election timeout plus one absence: a node
 * that is always late still notices that the leader, or a majority of its followers, is gone.
 */
export function onAway(core: CoreState, durationMs: number): void {
  const { now, config } = core;
  if (core.role === 'leader') {
    for (const progress of core.progress.values()) progress.excuse(durationMs, now, config.electionTimeoutMs);
  } else if (core.excusedMs < config.electionTimeoutMs) {
    core.excusedMs += durationMs;
    core.leaderContactMs = Math.min(now, core.leaderContactMs + durationMs);
    // Once the leader's channel has closed there is nothing left to wait for. Candidates do not wait for the leader.
    if (core.role === 'follower' && !core.isLeaderLost) prolongElectionTimeout(core, durationMs);
  }
}

/** After a long absence, leave time for at least one heartbeat. */
function prolongElectionTimeout(core: CoreState, durationMs: number): void {
  const { heartbeatMs } = core.config;
  core.electionDueMs += durationMs;
  if (durationMs >= heartbeatMs / 2)
    core.electionDueMs = Math.max(core.electionDueMs, core.now + core.random.nextBetween(heartbeatMs, 2 * heartbeatMs));
}
