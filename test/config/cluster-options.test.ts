import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addClusterOptions, clusterConfigOf, clusterOverridesOf } from '../../src/config/cluster-options.ts';
import { flagOf } from '../../src/config/flag-names.ts';
import { numberSettings } from '../../src/config/setting-table.ts';

function aCommand(...args: string[]): Command {
  const command = addClusterOptions(new Command('start'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: 'user' });
}

describe('the flags of a cluster', () => {
  it.each(numberSettings().map(({ group, key, setting }) => [flagOf(key), group, key, setting.min + 1] as const))(
    '%s sets %s.%s',
    (flag, group, key, value) => expect(clusterOverridesOf(aCommand(flag, `${value}`))).toEqual({ [group]: { [key]: value } }),
  );

  it('include the common ones', () => {
    expect(numberSettings().map(({ key }) => flagOf(key))).toEqual(
      expect.arrayContaining(['--heartbeat-ms', '--election-timeout-ms', '--payload-bytes-max']),
    );
  });

  it('do not clash: each setting has a flag of its own', () => {
    const flags = aCommand().options.map(({ long }) => long);
    expect(new Set(flags).size).toBe(flags.length);
    expect(flags.length).toBe(numberSettings().length + 8);
  });

  it('set all other settings too', () => {
    const args = [
      '--nodes',
      '5',
      '--data-dir',
      'd',
      '--durability',
      'off',
      '--storage',
      'memory',
      '--logs-dir',
      'l',
      '--log-level',
      'debug',
      '--seed',
      '7',
    ];
    expect(clusterOverridesOf(aCommand(...args))).toEqual({
      nodes: 5,
      dataDir: 'd',
      durability: 'off',
      storage: 'memory',
      logs: { dir: 'l', level: 'debug' },
      seed: 7,
    });
    expect(clusterOverridesOf(aCommand('--nodes', '1,2,5'))).toEqual({ nodes: [1, 2, 5] });
    expect(clusterOverridesOf(aCommand())).toEqual({});
  });

  it('override the file', () => {
    expect(clusterConfigOf(aCommand('--nodes', '7', '--election-timeout-ms', '900'))).toMatchObject({
      nodes: 7,
      raft: { heartbeatMs: 125, electionTimeoutMs: 900 },
    });
  });

  it('are rejected with the remedy', () => {
    expect(() => clusterConfigOf(aCommand('--heartbeat-ms', '0'))).toThrow(
      '--heartbeat-ms: "raft.heartbeatMs" has the value 0. Give a whole number',
    );
    expect(() => clusterConfigOf(aCommand('--nodes', '52'))).toThrow('--nodes: "nodes" has the value 52.');
    expect(() => clusterConfigOf(aCommand('--config', 'nowhere.yaml'))).toThrow('The configuration nowhere.yaml does not exist.');
    expect(() => aCommand('--heartbeat-ms', 'fast')).toThrow('Give a number.');
    expect(() => aCommand('--durability', 'maybe')).toThrow('Allowed choices are full, off.');
    expect(() => aCommand('--turbo')).toThrow("unknown option '--turbo'");
  });

  it('are explained by --help, with defaults', () => {
    const help = addClusterOptions(new Command('start')).configureHelp({ helpWidth: 160 }).helpInformation();
    expect(help).toContain('--heartbeat-ms <number>');
    expect(help).toContain('how often an idle leader sends heartbeats, in milliseconds (default: 125)');
  });
});
