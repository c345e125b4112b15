import { Argument, Option } from 'commander';
import { type JobSchedulerJson, Queue, type RepeatOptions, SchedulerNotFoundError } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { printable } from '../printable.ts';
import { isoTime } from '../times.ts';
import { readData, wholeNumber } from '../values.ts';

const queueArgument = (): Argument => new Argument('<queue>', 'the name of the queue');
const idArgument = (): Argument => new Argument('<id>', 'the id of the job scheduler');

export const schedulers: CliCommand = {
  name: 'schedulers',
  group: 'Queues',
  summary: 'Shows the job schedulers of a queue, the one that adds the next job first.',
  arguments: [queueArgument()],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft schedulers reports --data-dir ./data'],
  run: (invocation: Invocation<readonly [queue: string], ConnectionOptions>) =>
    withQueue(invocation, async (queue) => {
      const { output, isJson } = invocation;
      const found = await queue.getJobSchedulers(0, -1, true);
      if (isJson) output.document({ queue: queue.name, schedulers: found });
      else if (found.length === 0) output.line(`The queue ${printable(JSON.stringify(queue.name))} has no job schedulers.`);
      else output.table(['id', 'job', 'times', 'next', 'jobs so far'], found.map(cellsOf));
    }),
};

interface ScheduleOptions extends ConnectionOptions, Pick<RepeatOptions, 'every' | 'pattern' | 'tz' | 'limit'> {
  readonly name?: string;
  readonly data?: string;
}

export const schedule: CliCommand = {
  name: 'schedule',
  group: 'Queues',
  summary: 'Sets a job scheduler of a queue, which adds a job at each of its times, in place of the one with its id.',
  arguments: [queueArgument(), idArgument()],
  options: [
    ...connectionOptions(),
    new Option('--every <ms>', 'milliseconds between two jobs; the first one is added at once').argParser(wholeNumber(1)),
    new Option('--pattern <cron>', 'a cron pattern, as in "0 9 * * 1-5"'),
    new Option('--tz <zone>', 'the time zone of the pattern, as in Europe/Berlin (default: UTC)'),
    new Option('--limit <count>', 'how many jobs at most (default: any number)').argParser(wholeNumber(1)),
    new Option('--name <name>', 'the name of its jobs (default: its id)'),
    new Option('--data <json>', 'their data as JSON; "-" reads them from standard input (default: {})'),
  ],
  json: 'document',
  mayHaveHappened: 'the job scheduler may be set',
  examples: [
    'jobraft schedule reports daily --pattern "0 9 * * *" --tz Europe/Berlin --data-dir ./data',
    `jobraft schedule reports minutely --every 60000 --name report --data '{"kind":"short"}' --data-dir ./data`,
  ],
  async run(invocation: Invocation<readonly [queue: string, id: string], ScheduleOptions>) {
    const { args, options, output, isJson } = invocation;
    const [, id] = args;
    // Before the cluster is opened.
    const data = options.data === undefined ? {} : { data: await readData(options.data, invocation) };
    await withQueue(invocation, async (queue) => {
      await queue.upsertJobScheduler(id, repeatOf(options), { ...(options.name === undefined ? {} : { name: options.name }), ...data });
      if (isJson) output.document({ queue: queue.name, id });
      else output.line(`The job scheduler ${shown(id)} of the queue ${shown(queue.name)} is set.`);
    });
  },
};

export const unschedule: CliCommand = {
  name: 'unschedule',
  group: 'Queues',
  summary: 'Removes a job scheduler of a queue. The jobs that it added stay.',
  arguments: [queueArgument(), idArgument()],
  options: connectionOptions(),
  json: 'document',
  mayHaveHappened: 'the job scheduler may be removed',
  examples: ['jobraft unschedule reports daily --data-dir ./data'],
  run: (invocation: Invocation<readonly [queue: string, id: string], ConnectionOptions>) =>
    withQueue(invocation, async (queue) => {
      const { args, output, isJson } = invocation;
      const [, id] = args;
      if (!(await queue.removeJobScheduler(id)))
        throw new SchedulerNotFoundError(
          `The queue ${shown(queue.name)} has no job scheduler ${shown(id)}. "schedulers" shows which it has.`,
        );
      if (isJson) output.document({ queue: queue.name, id });
      else output.line(`The job scheduler ${shown(id)} of the queue ${shown(queue.name)} is removed.`);
    }),
};

const shown = (name: string): string => printable(JSON.stringify(name));

function repeatOf({ every, pattern, tz, limit }: ScheduleOptions): RepeatOptions {
  return {
    ...(every === undefined ? {} : { every }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(tz === undefined ? {} : { tz }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function cellsOf({ key, name, every, pattern, tz, next, iterationCount, limit }: JobSchedulerJson): string[] {
  const times = every === undefined ? `${pattern ?? ''}${tz === undefined ? '' : ` ${tz}`}` : `every ${every} ms`;
  return [key, name, times, isoTime(next) ?? '', limit === undefined ? String(iterationCount) : `${iterationCount} of ${limit}`];
}

async function withQueue(
  invocation: Invocation<readonly [queue: string, ...others: string[]], ConnectionOptions>,
  use: (queue: Queue) => Promise<void>,
): Promise<void> {
  await withCluster(invocation, async ({ client }) => {
    await using queue = new Queue(invocation.args[0], { connection: client });
    await use(queue);
  });
}
