import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { RAFT_DEFAULTS, raftConfig } from '../../src/raft/config.ts';

describe('raftConfig', () => {
  it('fills in the defaults, and cannot be changed afterwards', () => {
    const config = raftConfig({ heartbeatMs: 10 });
    expect(config).toEqual({ ...RAFT_DEFAULTS, heartbeatMs: 10 });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it.each([
    [{ heartbeatMs: 0 }, 'raft.heartbeatMs'],
    [{ inflightMessagesMax: -1 }, 'raft.inflightMessagesMax'],
    [{ messageBytesMax: Number.NaN }, 'raft.messageBytesMax'],
    [{ uncommittedBytesMax: Number.POSITIVE_INFINITY }, 'raft.uncommittedBytesMax'],
    [{ heartbeatMs: 100, electionTimeoutMs: 199 }, 'raft.electionTimeoutMs'],
    [{ heartbeat: 5 } as object, 'raft.heartbeat'],
  ])('rejects %j, and names the setting', (overrides, key) => {
    expect(() => raftConfig(overrides)).toThrow(ConfigError);
    expect(() => raftConfig(overrides)).toThrow(key);
  });
});
