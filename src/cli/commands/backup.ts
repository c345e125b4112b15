import { Argument, Option } from 'commander';
import { loadNodeConfig } from '../../config/load-node-config.ts';
import { ENCRYPTION } from '../../config/variables.ts';
import { restoreBackup } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, encryptionKeysOption, encryptionOf, withCluster } from '../connection.ts';
import { UsageError } from '../exit-codes.ts';
import { wholeNumber } from '../values.ts';

export const backup: CliCommand = {
  name: 'backup',
  group: 'Cluster',
  summary: 'Writes everything that was acknowledged so far to a new file, while the cluster runs.',
  arguments: [new Argument('<file>', 'the file, which must not exist')],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft backup ./jobs.backup --data-dir ./data', 'jobraft backup ./jobs.backup --endpoints 127.0.0.1:7101'],
  async run(invocation: Invocation<readonly [file: string], ConnectionOptions>) {
    const {
      args: [file],
      output,
      isJson,
    } = invocation;
    await withCluster(invocation, async ({ cluster }) => {
      const taken = await cluster.backup(file);
      if (isJson) output.document(taken);
      else output.line(`${taken.path} has the cluster up to entry ${taken.index}, in ${taken.bytes} bytes.`);
    });
  },
};

interface RestoreOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly encryptionKeys?: string;
  readonly nodes?: number;
}

export const restore: CliCommand = {
  name: 'restore',
  group: 'Cluster',
  summary:
    'Makes a new cluster from a backup, in a new folder: for the processes of a machine, or with --config for one that "serve" runs.',
  arguments: [new Argument('<file>', 'the file that "backup" wrote')],
  options: [
    new Option('--config <file>', 'of a node that is a process, such as config/node-1.yaml: it becomes the only voter; the others join it'),
    new Option('--data-dir <folder>', 'the folder of the new cluster, which must not exist or be empty').env('JOBRAFT_DATA_DIR'),
    encryptionKeysOption(),
    new Option('--nodes <count>', 'number of nodes of the folder (default: 3)').argParser(wholeNumber(1)),
  ],
  json: 'document',
  examples: [
    'jobraft restore ./jobs.backup --data-dir ./restored',
    'jobraft restore ./jobs.backup --data-dir ./restored --nodes 5',
    'jobraft restore ./jobs.backup --config config/node-1.yaml',
  ],
  async run({ args: [file], options, output, isJson }: Invocation<readonly [file: string], RestoreOptions>) {
    const { config } = options;
    const restored = config === undefined ? await restoreFolder(file, options) : await restoreServed(file, config, options);
    if (isJson) output.document(restored);
    else if ('cluster' in restored) {
      output.line(
        `${restored.dataDir} has a new cluster (id ${restored.cluster}) with node ${restored.node} as the only voter, and the backup up to entry ${restored.index}.`,
      );
      output.line('Start it with "jobraft serve", and then the others, with empty folders: jobraft serve --config <file> --join');
    } else
      output.line(
        `${restored.dataDir} has a new cluster of ${restored.nodes.length} node${restored.nodes.length === 1 ? '' : 's'}, with the backup up to entry ${restored.index}.`,
      );
  },
};

async function restoreFolder(file: string, options: RestoreOptions) {
  const { dataDir = '', nodes } = options;
  if (dataDir === '')
    throw new UsageError(
      'No folder is named. Give the folder of the new cluster with --data-dir, or the configuration of a node with --config.',
    );
  return await restoreBackup({ file, dataDir, ...encryptionOf(options), ...(nodes === undefined ? {} : { nodes }) });
}

/** @param config names the folder, and the keys. */
async function restoreServed(file: string, config: string, options: RestoreOptions) {
  const { dataDir, nodes } = options;
  if (dataDir !== undefined && dataDir !== process.env.JOBRAFT_DATA_DIR)
    throw new UsageError('With --config the folder is the "dataDir" of that file. Leave --data-dir out.');
  if (options.encryptionKeys !== undefined && options.encryptionKeys !== process.env[ENCRYPTION.keys])
    throw new UsageError(
      'With --config the keys are those of that file ("encryption"), with which the node runs. Put the key of the backup behind its own one there, and leave --encryption-keys out.',
    );
  if (nodes !== undefined) throw new UsageError('With --config one node is restored, and the others join it. Leave --nodes out.');
  const { restoreNode } = await import('../../server/index.ts');
  return await restoreNode(file, loadNodeConfig(config, process.env));
}
