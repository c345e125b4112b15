import type { SeededRandom } from '../base/random.ts';
import type { RaftConfig } from './config.ts';

/** When a node that does not lead starts an election (Raft §5.2). Followers and candidates have one; a leadership ends it. */
export class ElectionTimer {
  readonly #config: RaftConfig;
  readonly #random: SeededRandom;
  /** When the election starts, monotonic ms. */
  dueMs = 0;
  /** Excused time of this node's own absences since the timer was last reset, in ms; below an election timeout plus one absence. */
  excusedMs = 0;
  /** The leader's channel closed and no other leader is known yet: timeouts are short. */
  isLeaderLost = false;
  /**
   * Pre-vote rounds of this node since the leader was lost: each doubles the short timeout, up to the ordinary one. Where network and disks
   * are slower than the short timeout, elections would otherwise interrupt each other forever.
   */
  fastRounds = 0;

  constructor(config: RaftConfig, random: SeededRandom, nowMs: number) {
    this.#config = config;
    this.#random = random;
    this.reset(nowMs);
  }

  /** @param lostLeaderScale multiplies the short timeout after a lost leader. */
  reset(nowMs: number, lostLeaderScale = 1): void {
    const { electionTimeoutMs, electionTimeoutMaxMs, lostLeaderElectionMs } = this.#config;
    const shortMs = lostLeaderElectionMs * lostLeaderScale * 2 ** this.fastRounds;
    // "Raft uses randomized election timeouts to ensure that split votes are rare" (Raft §5.2).
    const wait =
      this.isLeaderLost && 5 * shortMs < electionTimeoutMs
        ? this.#random.nextBetween(shortMs, 5 * shortMs)
        : this.#random.nextBetween(electionTimeoutMs, electionTimeoutMaxMs === 0 ? 2 * electionTimeoutMs : electionTimeoutMaxMs);
    this.dueMs = nowMs + wait;
    this.excusedMs = 0;
  }

  /** The leader's channel closed. */
  onLeaderLost(nowMs: number): void {
    this.isLeaderLost = true;
    this.fastRounds = 0;
    this.reset(nowMs);
  }

  /** This node read nothing for a while: leave time for at least one heartbeat. */
  prolong(durationMs: number, nowMs: number): void {
    const { heartbeatMs } = this.#config;
    this.dueMs += durationMs;
    if (durationMs >= heartbeatMs / 2) this.dueMs = Math.max(this.dueMs, nowMs + this.#random.nextBetween(heartbeatMs, 2 * heartbeatMs));
  }
}
