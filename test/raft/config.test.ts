import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { RAFT_DEFAULTS, raftConfig } from '../../src/raft/config.ts';

describe('raftConfig', () => {
  it('fills in the defaults, and cannot be changed afterwards', () => {
    const config = raftConfig({ heartbeatMs: 10 });
    expect(config).toEqual({ ...RAFT_DEFAULTS, heartbeatMs: 10 });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('accepts a range of election timeouts of one value', () => {
    expect(raftConfig({ electionTimeoutMs: 300, electionTimeoutMaxMs: 300 })).toMatchObject({ electionTimeoutMaxMs: 300 });
  });

  it.each([
    [{ heartbeatMs: 0 }, 'raft.heartbeatMs'],
    [{ inflightMessagesMax: -1 }, 'raft.inflightMessagesMax'],
    [{ messageBytesMax: Number.NaN }, 'raft.messageBytesMax'],
    [{ uncommittedBytesMax: Number.POSITIVE_INFINITY }, 'raft.uncommittedBytesMax'],
    [{ heartbeatMs: 100, electionTimeoutMs: 199 }, 'raft.electionTimeoutMs'],
    [{ electionTimeoutMs: 300, electionTimeoutMaxMs: 299 }, 'raft.electionTimeoutMaxMs'],
    [{ electionTimeoutMaxMs: -1 }, 'raft.electionTimeoutMaxMs'],
    [{ heartbeat: 5 } as object, 'raft.heartbeat'],
  ])('rejects %j, and names the setting', (overrides, key) => {
    expect(() => raftConfig(overrides)).toThrow(ConfigError);
    expect(() => raftConfig(overrides)).toThrow(key);
  });
});
