import { ConfigError } from '../base/errors.ts';

/** Timings in milliseconds, sizes in bytes. The same on every node of a cluster, or elections and windows fit badly. */
export interface RaftConfig {
  /** A leader that sent nothing else to a peer for this long sends it an empty AppendEntries. */
  readonly heartbeatMs: number;
  /** A follower that heard no leader for a random time in [x, 2x) starts an election (Raft §5.2); a leader that heard no majority for x steps down. */
  readonly electionTimeoutMs: number;
  /** Once the leader's channel has closed, the wait is a random time in [x, 5x) instead: nothing is left to wait for but the other followers. */
  readonly lostLeaderElectionMs: number;
  /** Most bytes of entries in one AppendEntries; one entry always fits, however large. */
  readonly messageBytesMax: number;
  /** Most AppendEntries on their way to one follower without a reply. */
  readonly inflightMessagesMax: number;
  /** Most bytes on their way to one follower without a reply. */
  readonly inflightBytesMax: number;
  /** Most bytes that a leader takes without having committed them; beyond, proposals are rejected. */
  readonly uncommittedBytesMax: number;
  /**
   * For how long after a majority answered a leader may serve lease reads (thesis §6.4.1); zero for never. The assumption: while so many
   * milliseconds pass on the leader's clock, less than `electionTimeoutMs` pass on any other node's. A leader that is lost is then
   * replaced only after a whole election timeout.
   */
  readonly leaseMs: number;
}

export const RAFT_DEFAULTS: RaftConfig = Object.freeze({
  heartbeatMs: 125,
  electionTimeoutMs: 250,
  lostLeaderElectionMs: 5,
  messageBytesMax: 4 * 1024 * 1024,
  inflightMessagesMax: 128,
  inflightBytesMax: 32 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  leaseMs: 0,
});

/** @throws {ConfigError} naming the key and the remedy. */
export function raftConfig(overrides: Partial<RaftConfig> = {}): RaftConfig {
  const config: RaftConfig = Object.freeze({ ...RAFT_DEFAULTS, ...overrides });
  for (const [key, value] of Object.entries(config)) {
    if (!(key in RAFT_DEFAULTS))
      throw new ConfigError(`raft.${key}`, value, `No such setting; known are ${Object.keys(RAFT_DEFAULTS).join(', ')}.`);
    const least = key === 'leaseMs' ? 0 : 1;
    if (!Number.isFinite(value) || value < least) throw new ConfigError(`raft.${key}`, value, `Give a number of at least ${least}.`);
  }
  if (config.electionTimeoutMs < 2 * config.heartbeatMs) {
    throw new ConfigError(
      'raft.electionTimeoutMs',
      config.electionTimeoutMs,
      `Raise it to at least twice heartbeatMs (${2 * config.heartbeatMs}).`,
    );
  }
  if (config.leaseMs >= config.electionTimeoutMs) {
    throw new ConfigError(
      'raft.leaseMs',
      config.leaseMs,
      `Keep it below electionTimeoutMs (${config.electionTimeoutMs}), or 0 for no lease.`,
    );
  }
  return config;
}
