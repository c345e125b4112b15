import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import type { ClusterConfigOverrides } from '../../src/config/cluster-config.ts';
import { ConfigFileError } from '../../src/config/config-file-error.ts';
import { LIMIT_DEFAULTS } from '../../src/config/limits.ts';
import { defaultClusterConfigFile, loadClusterConfig, parseClusterConfig } from '../../src/config/load-cluster-config.ts';
import { LIMIT_SETTINGS, numberSettings, RAFT_SETTINGS } from '../../src/config/setting-table.ts';
import { RAFT_DEFAULTS, raftConfig } from '../../src/raft/config.ts';

function problemsOf(text: string, overrides: ClusterConfigOverrides = {}): ConfigFileError {
  try {
    parseClusterConfig(text, overrides);
  } catch (error) {
    if (error instanceof ConfigFileError) return error;
    throw error;
  }
  throw new Error(`Nothing is wrong with:\n${text}`);
}

describe("the package's config/cluster.yaml", () => {
  const written = parse(readFileSync(defaultClusterConfigFile(), 'utf8'));

  it('shows every timing and limit with its default', () => {
    expect(written.raft).toEqual(RAFT_DEFAULTS);
    expect(written.limits).toEqual(LIMIT_DEFAULTS);
  });

  it('has the defaults used without a file, and logs', () => {
    expect(loadClusterConfig()).toEqual({ ...parseClusterConfig(''), logs: { dir: 'data/logs', level: 'info' } });
  });
});

describe('a configuration', () => {
  it('may be empty: every setting has a default', () => {
    expect(parseClusterConfig('')).toEqual({
      nodes: 3,
      dataDir: 'data',
      storage: 'sqlite',
      durability: 'full',
      raft: RAFT_DEFAULTS,
      limits: LIMIT_DEFAULTS,
    });
    expect(parseClusterConfig('raft:\nlimits:\n  # tailEntries: 5\nlogs:\n')).toEqual(parseClusterConfig(''));
  });

  it('sets what it names', () => {
    const config = parseClusterConfig(
      'nodes: [1, 2, 7]\nraft:\n  electionTimeoutMs: 500\nlimits: { tailEntries: 5 }\nlogs: { dir: x }\nseed: 9\n',
    );
    expect(config).toMatchObject({
      nodes: [1, 2, 7],
      raft: { electionTimeoutMs: 500, heartbeatMs: 125 },
      limits: { tailEntries: 5 },
      seed: 9,
    });
    expect(config.logs).toEqual({ dir: 'x', level: 'info' });
  });

  it('may set one bound of the election timeout, both, or two that are equal', () => {
    const boundsOf = (text: string): readonly number[] => {
      const { electionTimeoutMs, electionTimeoutMaxMs } = parseClusterConfig(`raft: { ${text} }`).raft;
      return [electionTimeoutMs, electionTimeoutMaxMs];
    };
    expect(boundsOf('electionTimeoutMs: 400')).toEqual([400, 0]);
    expect(boundsOf('electionTimeoutMaxMs: 255')).toEqual([250, 255]);
    expect(boundsOf('electionTimeoutMs: 400, electionTimeoutMaxMs: 400')).toEqual([400, 400]);
  });

  it('is overridden one setting at a time', () => {
    const text = 'nodes: 5\nraft:\n  heartbeatMs: 20\n  electionTimeoutMs: 500\nlogs: { dir: x }\n';
    const config = parseClusterConfig(text, { nodes: 7, raft: { heartbeatMs: 30 }, logs: { level: 'debug' } });
    expect(config).toMatchObject({ nodes: 7, raft: { heartbeatMs: 30, electionTimeoutMs: 500 }, logs: { dir: 'x', level: 'debug' } });
    expect(parseClusterConfig('raft:\n', { raft: { heartbeatMs: 30 } }).raft.heartbeatMs).toBe(30);
  });
});

describe('a configuration with invalid settings', () => {
  it.each([
    ['nodes: 0', 'cluster.yaml:1: "nodes" has the value 0. Give a whole number from 1 to 51, or a list'],
    ['nodes: 52', '"nodes" has the value 52.'],
    ['nodes: 2.5', '"nodes" has the value 2.5.'],
    ['nodes: [1, 1]', '"nodes" has the value [1,1].'],
    ['nodes: [0, 1]', '"nodes" has the value [0,1].'],
    ['nodes: three', '"nodes" has the value "three".'],
    ['dataDir: ""', '"dataDir" has the value "". Give the path of a folder.'],
    ['durability: maybe', '"durability" has the value "maybe". Give one of: full, off.'],
    ['storage: disk', '"storage" has the value "disk". Give one of: sqlite, memory.'],
    ['seed: 1.5', '"seed" has the value 1.5. Give a whole number, or leave the key out.'],
    ['logs: { level: info }', '"logs.dir" is missing. Give the path of a folder.'],
    ['logs: { dir: x, level: loud }', '"logs.level" has the value "loud". Give one of: info, debug.'],
    ['raft: 5', '"raft" has the value 5. Give a group of settings'],
    [
      'raft: { heartbeatMs: fast }',
      '"raft.heartbeatMs" has the value "fast". Give a whole number of milliseconds from 1 to 60000; the default is 125.',
    ],
    ['raft: { heartbeatMs: 0 }', '"raft.heartbeatMs" has the value 0.'],
    ['limits: { payloadBytesMax: 1.5 }', '"limits.payloadBytesMax" has the value 1.5. Give a whole number of bytes'],
    ['limits: { tailEntries: null }', '"limits.tailEntries" has the value null.'],
    ['- a\n- b', 'Give a group of settings'],
  ])('%s is rejected with key, value and remedy', (text, message) => expect(problemsOf(text).message).toContain(message));

  it.each([
    [
      'raft: { heartBeatMs: 5 }',
      '"raft.heartBeatMs" has the value 5. No such setting. Did you mean "heartbeatMs"? Known here are heartbeatMs,',
    ],
    ['raft: { heartbeat: 5 }', 'Did you mean "heartbeatMs"?'],
    ['raft: { turbo: true }', '"raft.turbo" has the value true. No such setting. Known here are'],
    ['node: 3', 'cluster.yaml:1: "node" has the value 3. No such setting. Did you mean "nodes"?'],
  ])('%s is rejected with the key that was probably meant', (text, message) => expect(problemsOf(text).message).toContain(message));

  it('lists every problem with its line, not only the first', () => {
    const error = problemsOf('nodes: 99\n\nraft:\n  heartbeatMs: -1\n  turbo: 1\nlimits:\n  tailEntries: x\n');
    expect(error.problems.map(({ place, key }) => `${place} ${key}`)).toEqual([
      'cluster.yaml:1 nodes',
      'cluster.yaml:4 raft.heartbeatMs',
      'cluster.yaml:5 raft.turbo',
      'cluster.yaml:7 limits.tailEntries',
    ]);
    expect(error.message.split('\n')).toHaveLength(5);
    expect(error.message).toMatch(/^cluster.yaml: 4 settings cannot work\./);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', outcome: 'not-applied' });
  });

  it('names the flag when the command line is wrong, and the file otherwise', () => {
    const error = problemsOf('nodes: 99\n', { raft: { heartbeatMs: 0 }, logs: { level: 'loud' } });
    expect(error.problems.map(({ place }) => place)).toEqual(['cluster.yaml:1', '--heartbeat-ms', 'cluster.yaml', '--log-level']);
    expect(error.message).toMatch(/^cluster.yaml and the command line: 4 settings cannot work\./);
    expect(problemsOf('', { raft: { heartbeatMs: 0 } }).message).toMatch(/^The command line: one setting cannot work\./);
  });

  it('is rejected when two settings do not fit together, beside all other problems', () => {
    const error = problemsOf(
      'nodes: 0\nraft:\n  heartbeatMs: 200\n  electionTimeoutMs: 300\n  uncommittedBytesMax: 2048\nlimits:\n  payloadBytesMax: 4096\n',
    );
    expect(error.problems.map(({ key, remedy }) => `${key}: ${remedy.split(',')[0]}`).slice(1)).toEqual([
      'raft.electionTimeoutMs: Raise it to at least twice raft.heartbeatMs (400)',
      'limits.payloadBytesMax: Lower it to at most raft.uncommittedBytesMax (2048)',
    ]);
    expect(problemsOf('raft: { electionTimeoutMs: 300, electionTimeoutMaxMs: 299 }').message).toContain(
      'cluster.yaml:1: "raft.electionTimeoutMaxMs" has the value 299. Raise it to at least raft.electionTimeoutMs (300), or 0 for twice that.',
    );
    expect(problemsOf('', { raft: { electionTimeoutMaxMs: 249 } }).message).toContain(
      '--election-timeout-max-ms: "raft.electionTimeoutMaxMs" has the value 249. Raise it to at least raft.electionTimeoutMs (250)',
    );
    expect(problemsOf('', { raft: { heartbeatMs: 200 } }).message).toContain(
      '--heartbeat-ms: "raft.heartbeatMs" has the value 200. Lower it to at most half',
    );
    expect(problemsOf('raft: { uncommittedBytesMax: 2048 }').message).toContain('Raise it to at least limits.payloadBytesMax (4194304)');
  });
});

describe('a file that cannot be read', () => {
  function aFile(text: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-config-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'my.yaml');
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    return file;
  }

  it.each([
    ['nodes: 3\nraft: {heartbeatMs: 5\ndataDir: x\n', 3],
    ['nodes: 3\nnodes: 4\n', 2],
    ['nodes: 3\n\traft: 1\n', 2],
  ])('with broken YAML is named with its line: %j', (text, line) => {
    const file = aFile(text);
    expect(() => loadClusterConfig(file)).toThrow(ConfigFileError);
    expect(() => loadClusterConfig(file)).toThrow(`${file}:${line}: not valid YAML`);
  });

  it('that does not exist is named with the remedy', () => {
    expect(() => loadClusterConfig('/nowhere/cluster.yaml')).toThrow(
      'The configuration /nowhere/cluster.yaml does not exist. Name another file with --config, or copy config/cluster.yaml of the package there.',
    );
  });

  it('is read from the disk otherwise', () =>
    expect(loadClusterConfig(aFile('nodes: 5\n'), { durability: 'off' })).toMatchObject({ nodes: 5, durability: 'off' }));
});

describe('the table of settings', () => {
  it('has a line and a default within its range for every timing and limit', () => {
    expect(Object.keys(RAFT_SETTINGS).sort()).toEqual(Object.keys(RAFT_DEFAULTS).sort());
    expect(Object.keys(LIMIT_SETTINGS).sort()).toEqual(Object.keys(LIMIT_DEFAULTS).sort());
    for (const { key, setting } of numberSettings()) {
      expect(setting.default, key).toBeGreaterThanOrEqual(setting.min);
      expect(setting.default, key).toBeLessThanOrEqual(setting.max);
    }
  });

  it('allows no value that the core rejects', () => {
    for (const [key, { min, max }] of Object.entries(RAFT_SETTINGS)) {
      const partner = key === 'electionTimeoutMs' ? { heartbeatMs: 1 } : { electionTimeoutMs: 600_000 };
      expect(() => raftConfig({ ...partner, [key]: min }), key).not.toThrow();
      expect(() => raftConfig({ ...partner, [key]: max }), key).not.toThrow();
    }
  });
});
