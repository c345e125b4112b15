import { Argument, Option } from 'commander';
import { JobNotFoundError, Queue } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { printable } from '../printable.ts';
import { wholeNumber } from '../values.ts';

const COUNT_DEFAULT = 100;
const COUNT_MAX = 1_000;

export const jobLog: CliCommand = {
  name: 'job-log',
  group: 'Jobs',
  summary: 'Prints the rows that a job has logged, the oldest first.',
  arguments: [new Argument('<queue>', 'the name of the queue'), new Argument('<id>', 'the id of the job, as "add" printed it')],
  options: [
    ...connectionOptions(),
    new Option('--count <number>', `how many rows, the newest, up to ${COUNT_MAX}`)
      .argParser(wholeNumber(1, COUNT_MAX))
      .default(COUNT_DEFAULT),
  ],
  json: 'document',
  examples: ['jobraft job-log emails 17 --data-dir ./data', 'jobraft job-log emails 17 --count 5 --json --data-dir ./data'],
  async run(invocation: Invocation<readonly [queue: string, id: string], ConnectionOptions & { readonly count: number }>) {
    const { args, options, output, isJson } = invocation;
    const [name, id] = args;
    await withCluster(invocation, async ({ client }) => {
      await using queue = new Queue(name, { connection: client });
      const { logs, count } = await queue.getJobLogs(id, -options.count);
      if (count === 0 && (await queue.getJobState(id)) === 'unknown') throw new JobNotFoundError(id);
      if (isJson) output.document({ queue: name, id, rows: logs, count });
      else for (const row of logs) output.line(printable(row));
    });
  },
};
