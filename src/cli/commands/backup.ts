import { Argument, Option } from 'commander';
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
  examples: ['jobraft backup ./jobs.backup --data-dir ./data'],
  async run(invocation: Invocation<readonly [file: string], ConnectionOptions>) {
    const {
      args: [file],
      options: { dataDir = '', endpoints },
      output,
      isJson,
    } = invocation;
    if (endpoints !== undefined && dataDir === '') throw ofProcesses();
    await withCluster(invocation, async ({ cluster }) => {
      if (cluster.backup === undefined) throw ofProcesses();
      const taken = await cluster.backup(file);
      if (isJson) output.document(taken);
      else output.line(`${taken.path} has the cluster up to entry ${taken.index}, in ${taken.bytes} bytes.`);
    });
  },
};

const ofProcesses = (): UsageError =>
  new UsageError('Nodes that are processes cannot be backed up yet. Name the folder of a cluster with --data-dir.');

interface RestoreOptions {
  readonly dataDir?: string;
  readonly encryptionKeys?: string;
  readonly nodes?: number;
}

export const restore: CliCommand = {
  name: 'restore',
  group: 'Cluster',
  summary: 'Makes a new cluster from a backup, in a new folder. It is started by the first command or process that uses the folder.',
  arguments: [new Argument('<file>', 'the file that "backup" wrote')],
  options: [
    new Option('--data-dir <folder>', 'the folder of the new cluster, which must not exist or be empty').env('JOBRAFT_DATA_DIR'),
    encryptionKeysOption(),
    new Option('--nodes <count>', 'number of nodes (default: 3)').argParser(wholeNumber(1)),
  ],
  json: 'document',
  examples: ['jobraft restore ./jobs.backup --data-dir ./restored', 'jobraft restore ./jobs.backup --data-dir ./restored --nodes 5'],
  async run({ args: [file], options, output, isJson }: Invocation<readonly [file: string], RestoreOptions>) {
    const { dataDir = '', nodes } = options;
    if (dataDir === '') throw new UsageError('No folder is named. Give the folder of the new cluster with --data-dir.');
    const restored = await restoreBackup({ file, dataDir, ...encryptionOf(options), ...(nodes === undefined ? {} : { nodes }) });
    if (isJson) output.document(restored);
    else
      output.line(
        `${restored.dataDir} has a new cluster of ${restored.nodes.length} node${restored.nodes.length === 1 ? '' : 's'}, with the backup up to entry ${restored.index}.`,
      );
  },
};
