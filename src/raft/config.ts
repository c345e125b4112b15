import { ConfigError } from '../base/errors.ts';

/**
 * Timings in milliseconds, sizes in bytes. Must be the same on every node of a cluster: election timeouts and windows depend on each other.
 */
export interface RaftConfig {
  /** A leader that sent nothing else to a peer for this long sends it an empty AppendEntries. */
  readonly heartbeatMs: number;
  /**
   * A follower that receives nothing from a leader for a random time from this one to `electionTimeoutMaxMs` starts an election (Raft §5.2);
   * a leader that receives nothing from a majority for this time steps down.
   */
  readonly electionTimeoutMs: number;
  /** The upper bound of the random time; zero for twice `electionTimeoutMs`. If both are equal, no timeout is random. */
  readonly electionTimeoutMaxMs: number;
  /**
   * Once the leader's channel has closed, the timeout is a random time in [x, 5x) instead: only the other followers are left to wait for.
   */
  readonly lostLeaderElectionMs: number;
  /** Most bytes of entries in one AppendEntries; one entry always fits, however large. */
  readonly messageBytesMax: number;
  /** Most AppendEntries in flight to one follower. */
  readonly inflightMessagesMax: number;
  /** Most bytes in flight to one follower. */
  readonly inflightBytesMax: number;
  /** Most uncommitted bytes that a leader accepts; beyond this limit it rejects proposals. */
  readonly uncommittedBytesMax: number;
  /**
   * How long a leader may serve lease reads after a majority replied (thesis §6.4.1); zero disables lease reads. Assumption: while this
   * many milliseconds pass on the leader's clock, less than `electionTimeoutMs` passes on any other node's clock. With a lease, a lost
   * leader is replaced only after a full election timeout.
   */
  readonly leaseMs: number;
}

export const RAFT_DEFAULTS: RaftConfig = Object.freeze({
  heartbeatMs: 125,
  electionTimeoutMs: 250,
  electionTimeoutMaxMs: 0,
  lostLeaderElectionMs: 5,
  messageBytesMax: 4 * 1024 * 1024,
  inflightMessagesMax: 128,
  inflightBytesMax: 32 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  leaseMs: 0,
});

/** Settings that zero switches off, or sets to what follows from another setting. */
const MAY_BE_ZERO: readonly string[] = ['electionTimeoutMaxMs', 'leaseMs'] satisfies (keyof RaftConfig)[];

/** @throws {ConfigError} naming the key and the remedy. */
export function raftConfig(overrides: Partial<RaftConfig> = {}): RaftConfig {
  const config: RaftConfig = Object.freeze({ ...RAFT_DEFAULTS, ...overrides });
  for (const [key, value] of Object.entries(config)) {
    if (!(key in RAFT_DEFAULTS))
      throw new ConfigError(`raft.${key}`, value, `No such setting. Use one of ${Object.keys(RAFT_DEFAULTS).join(', ')}.`);
    const least = MAY_BE_ZERO.includes(key) ? 0 : 1;
    if (!Number.isFinite(value) || value < least) throw new ConfigError(`raft.${key}`, value, `Give a number of at least ${least}.`);
  }
  if (config.electionTimeoutMs < 2 * config.heartbeatMs) {
    throw new ConfigError(
      'raft.electionTimeoutMs',
      config.electionTimeoutMs,
      `Raise it to at least twice heartbeatMs (${2 * config.heartbeatMs}).`,
    );
  }
  if (config.electionTimeoutMaxMs > 0 && config.electionTimeoutMaxMs < config.electionTimeoutMs) {
    throw new ConfigError(
      'raft.electionTimeoutMaxMs',
      config.electionTimeoutMaxMs,
      `Raise it to at least electionTimeoutMs (${config.electionTimeoutMs}), or 0 for twice that.`,
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
