import { resolve } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { clusterListeners } from '../../src/cluster/cluster-listeners.ts';
import type { ClusterOptions } from '../../src/cluster/cluster-options.ts';
import { clusterSettings, withAbsolutePaths } from '../../src/cluster/cluster-options.ts';
import { LIMIT_DEFAULTS } from '../../src/config/limits.ts';
import { RAFT_DEFAULTS } from '../../src/raft/config.ts';
import { eventually } from '../client/eventually.ts';

const inMemory = { nodes: 3, storage: 'memory' } as const;
/** Values that JavaScript allows a caller to pass, and TypeScript does not. */
const settingsOf = (options: unknown) => clusterSettings(options as ClusterOptions);

describe('the options of a cluster', () => {
  it('have their defaults', () => {
    expect(clusterSettings({ nodes: 2, dataDir: 'x' })).toEqual({
      nodes: [1, 2],
      absent: [],
      dataDir: 'x',
      durability: 'full',
      repair: 'automatic',
      raft: RAFT_DEFAULTS,
      limits: LIMIT_DEFAULTS,
      logs: undefined,
      seed: expect.any(Number),
    });
  });

  it('keep the same folder when the process changes its working directory', () => {
    const settings = clusterSettings({ nodes: 1, dataDir: 'x', logs: { dir: '../logs' } });
    expect(withAbsolutePaths(settings)).toMatchObject({ dataDir: resolve('x'), logs: { dir: resolve('../logs'), level: 'info' } });
    expect(withAbsolutePaths(clusterSettings(inMemory))).toMatchObject({ dataDir: undefined, logs: undefined });
  });

  it('may name the nodes, and leave out what is undefined', () => {
    const settings = clusterSettings({
      nodes: [2, 5],
      absent: [5],
      storage: 'memory',
      dataDir: 'ignored',
      raft: { heartbeatMs: 20 },
      logs: { dir: 'l' },
    });
    expect(settings).toMatchObject({ nodes: [2, 5], absent: [5], dataDir: undefined, logs: { dir: 'l', level: 'info' } });
    expect(settings.raft).toEqual({ ...RAFT_DEFAULTS, heartbeatMs: 20 });
    expect(settingsOf({ ...inMemory, raft: undefined, logs: undefined, seed: undefined, onRepair: undefined })).toMatchObject({
      nodes: [1, 2, 3],
    });
  });

  it.each([
    [7, 7],
    [-1, 2 ** 32 - 1],
    [Number.MAX_SAFE_INTEGER, 2 ** 32 - 1],
  ])('make a number of 32 bits of the seed %i', (seed, normalized) => {
    expect(settingsOf({ ...inMemory, seed }).seed).toBe(normalized);
  });
});

describe('options that cannot work are rejected with key, value and remedy', () => {
  it.each<[string, unknown, RegExp]>([
    ['none', undefined, /^Setting "options" is missing\. Give an object of settings such as \{ nodes: 3, dataDir/],
    ['null', null, /^Setting "options" has the value null\./],
    ['a number', 3, /^Setting "options" has the value 3\./],
    ['nothing set', {}, /^Setting "nodes" is missing\. Give a whole number from 1 to 51/],
    ['a number of nodes in text', { ...inMemory, nodes: '3' }, /"nodes" has the value "3"/],
    ['no node', { ...inMemory, nodes: 0 }, /"nodes" has the value 0/],
    ['too many nodes', { ...inMemory, nodes: 52 }, /"nodes" has the value 52/],
    ['half a node', { ...inMemory, nodes: 2.5 }, /"nodes" has the value 2\.5/],
    ['a node twice', { ...inMemory, nodes: [1, 1] }, /"nodes" has the value \[1,1\]/],
    ['a node of text', { ...inMemory, nodes: [1, '2'] }, /"nodes" has the value \[1,"2"\]/],
    ['no folder', { nodes: 3 }, /"dataDir" is missing\. Name a folder for the nodes' files, or set storage to "memory"/],
    ['an empty folder', { nodes: 3, dataDir: '' }, /"dataDir" has the value ""\. Give the path/],
    ['a folder that no file system has', { nodes: 3, dataDir: 'a\0b' }, /"dataDir" has the value "a\\u0000b"/],
    ['a folder with half a surrogate pair', { nodes: 3, dataDir: 'a\ud800' }, /"dataDir" has the value "a\\ud800"/],
    ['an unknown storage', { nodes: 3, storage: 'disk' }, /"storage" has the value "disk"\. Give one of: sqlite, memory/],
    ['an unknown durability', { ...inMemory, durability: 'none' }, /"durability" has the value "none"\. Give one of: full, off/],
    ['an unknown repair', { ...inMemory, repair: 'yes' }, /"repair" has the value "yes"\. Give one of: automatic, manual/],
    ['logs without a folder', { ...inMemory, logs: {} }, /"logs\.dir" is missing\. Give the path of a folder/],
    [
      'logs at an unknown level',
      { ...inMemory, logs: { dir: 'x', level: 'warn' } },
      /"logs\.level" has the value "warn"\. Give one of: info, debug/,
    ],
    ['a seed of text', { ...inMemory, seed: 'x' }, /"seed" has the value "x"/],
    [
      'a timing of text',
      { ...inMemory, raft: { heartbeatMs: '5' } },
      /"raft\.heartbeatMs" has the value "5"\. Give a whole number of milliseconds from 1 to 60000/,
    ],
    ['a group that is none', { ...inMemory, limits: 5 }, /"limits" has the value 5\. Give a group of settings/],
    ['a limit of no number', { ...inMemory, limits: { tailEntries: Number.NaN } }, /"limits\.tailEntries" has the value NaN/],
    ['a huge integer', { ...inMemory, limits: { tailEntries: 5n } }, /"limits\.tailEntries" has the value 5n/],
    [
      'an election shorter than two heartbeats',
      { ...inMemory, raft: { electionTimeoutMs: 100 } },
      /"raft\.electionTimeoutMs" has the value 100\. Raise it to at least twice/,
    ],
    [
      'a longest election timeout below the shortest',
      { ...inMemory, raft: { electionTimeoutMaxMs: 200 } },
      /"raft\.electionTimeoutMaxMs" has the value 200\. Raise it to at least raft\.electionTimeoutMs \(250\)/,
    ],
    [
      'a lease longer than an election',
      { ...inMemory, raft: { leaseMs: 250 } },
      /"raft\.leaseMs" has the value 250\. Keep it below raft\.electionTimeoutMs \(250\)/,
    ],
    [
      'a payload that no leader takes',
      { ...inMemory, raft: { uncommittedBytesMax: 4_096 } },
      /"raft\.uncommittedBytesMax" has the value 4096\. Raise it/,
    ],
    ['an absent node of another cluster', { ...inMemory, absent: [4] }, /"absent" has the value 4\. Name nodes of the cluster: 1, 2, 3/],
    ['absent nodes as a number', { ...inMemory, absent: 1 }, /"absent" has the value 1\. Give a list of node ids/],
    ['a listener that is none', { ...inMemory, onRepair: 'log' }, /"onRepair" has the value "log"\. Give a function/],
  ])('%s', (_, options, message) => {
    expect(() => settingsOf(options)).toThrow(ConfigError);
    expect(() => settingsOf(options)).toThrow(message);
  });

  it.each<[string, unknown, RegExp]>([
    [
      'a name that begins alike',
      { nodes: 3, dataDirectory: './x' },
      /"dataDirectory" has the value "\.\/x"\. No such setting\. Did you mean "dataDir"\? Known here are nodes, dataDir, storage,/,
    ],
    ['a slip', { ...inMemory, durabilty: 'off' }, /Did you mean "durability"\?/],
    [
      'in a group',
      { ...inMemory, raft: { heartbeat: 5 } },
      /"raft\.heartbeat" has the value 5\. No such setting\. Did you mean "heartbeatMs"\?/,
    ],
    [
      'in the logs',
      { ...inMemory, logs: { dir: 'x', lvl: 'info' } },
      /"logs\.lvl" has the value "info"\. No such setting\. Did you mean "level"\?/,
    ],
    [
      'like nothing',
      { ...inMemory, turbo: true },
      /"turbo" has the value true\. No such setting\. Known here are nodes,.* onNodeFailure, onRepair/,
    ],
  ])('an unknown name: %s', (_, options, message) => expect(() => settingsOf(options)).toThrow(message));
});

describe('a listener of the user', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no disk');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('no disk');
      },
    ],
    [
      'throws what cannot be read',
      () => {
        throw Object.create(null);
      },
    ],
  ])('that %s is a warning, and nothing else', async (_, onNodeFailure) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    onTestFinished(() => warn.mockRestore());
    clusterListeners({ ...inMemory, onNodeFailure }).onNodeFailure(1, new Error('x'));
    await eventually(() => expect(warn).toHaveBeenCalledTimes(1));
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(/^The listener of "onNodeFailure" threw: /),
      expect.objectContaining({ type: 'JobraftListenerError' }),
    );
  });
});
