import type { CoreState } from './core-state.ts';

/**
 * This node itself read nothing for a while. What kept it from running, such as a busy processor or a slow disk, may keep the others from running,
 * too, so that this time is not counted as their silence. How much is left out is bounded, by an election timeout and one absence: a node that
 * is never on time still notices that the leader, or a majority of its followers, is gone.
 */
export function onAway(core: CoreState, durationMs: number): void {
  const { now, config } = core;
  if (core.role === 'leader') {
    for (const progress of core.progress.values()) progress.excuse(durationMs, now, config.electionTimeoutMs);
  } else if (core.excusedMs < config.electionTimeoutMs) {
    core.excusedMs += durationMs;
    core.leaderHeardMs = Math.min(now, core.leaderHeardMs + durationMs);
    // Nothing is left to wait for once the leader's channel has closed; candidates wait for others than the leader.
    if (core.role === 'follower' && !core.isLeaderLost) prolongElectionTimeout(core, durationMs);
  }
}

/** After a long absence there is time for a heartbeat at least. */
function prolongElectionTimeout(core: CoreState, durationMs: number): void {
  const { heartbeatMs } = core.config;
  core.electionDueMs += durationMs;
  if (durationMs >= heartbeatMs / 2)
    core.electionDueMs = Math.max(core.electionDueMs, core.now + core.random.nextBetween(heartbeatMs, 2 * heartbeatMs));
}
