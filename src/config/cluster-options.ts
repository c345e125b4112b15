import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { ClusterConfig, ClusterConfigOverrides } from './cluster-config.ts';
import { DURABILITIES, LOG_LEVELS, NODES_MAX, STORAGES } from './cluster-config.ts';
import { flagOf } from './flag-names.ts';
import { loadClusterConfig } from './load-cluster-config.ts';
import type { NumberGroup } from './setting-table.ts';
import { numberSettings } from './setting-table.ts';

/**
 * Adds a flag for every setting of a cluster; {@link clusterConfigOf} reads their values.
 * @param hasFolders false for a command that has folders of its own: then those of data and logs cannot be set.
 */
export function addClusterOptions(command: Command, { hasFolders = true }: { readonly hasFolders?: boolean } = {}): Command {
  if (hasFolders)
    command
      .option('--data-dir <folder>', "where the nodes keep their files; node n's is node-n/jobraft.db")
      .option('--logs-dir <folder>', "where the nodes' logs go: node-n.log");
  command
    .option('--config <file>', "a cluster's configuration (default: config/cluster.yaml of the package)")
    .option('--nodes <count or ids>', `how many nodes, 1 to ${NODES_MAX}, or their ids: 1,2,5`, parseNodes)
    .addOption(new Option('--storage <kind>', 'where a node keeps its state').choices(STORAGES))
    .addOption(new Option('--durability <kind>', 'full: answered means fsync on a majority; off: no fsync').choices(DURABILITIES))
    .addOption(new Option('--log-level <level>', 'debug writes a line for every RPC').choices(LOG_LEVELS))
    .option('--seed <number>', 'seed of the randomised timeouts', parseNumber);
  for (const { key, setting } of numberSettings()) {
    command.option(`${flagOf(key)} <number>`, `${setting.description}, in ${setting.unit} (default: ${setting.default})`, parseNumber);
  }
  return command;
}

/** The settings of the command line, without the file. */
export function clusterOverridesOf(command: Command): ClusterConfigOverrides {
  const options: Record<string, unknown> = command.opts();
  const groups: Record<NumberGroup, Record<string, unknown>> = { raft: {}, limits: {} };
  for (const { group, key } of numberSettings()) if (options[key] !== undefined) groups[group][key] = options[key];
  const logs = { ...pick(options, 'logsDir', 'dir'), ...pick(options, 'logLevel', 'level') };
  return {
    ...pick(options, 'nodes'),
    ...pick(options, 'dataDir'),
    ...pick(options, 'storage'),
    ...pick(options, 'durability'),
    ...pick(options, 'seed'),
    ...(Object.keys(groups.raft).length > 0 ? { raft: groups.raft } : {}),
    ...(Object.keys(groups.limits).length > 0 ? { limits: groups.limits } : {}),
    ...(Object.keys(logs).length > 0 ? { logs } : {}),
  };
}

/**
 * The configuration of a command line: its file, or the package's, overridden by the flags.
 * @throws {ConfigFileError}
 */
export function clusterConfigOf(command: Command): ClusterConfig {
  const { config } = command.opts<{ config?: string }>();
  return loadClusterConfig(config, clusterOverridesOf(command));
}

function pick(options: Record<string, unknown>, name: string, as: string = name): Record<string, unknown> {
  return options[name] === undefined ? {} : { [as]: options[name] };
}

// The schema checks ranges, with remedies. Here a text only becomes a number.
function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number.');
  return value;
}

function parseNodes(text: string): number | number[] {
  return text.includes(',') ? text.split(',').map(parseNumber) : parseNumber(text);
}
