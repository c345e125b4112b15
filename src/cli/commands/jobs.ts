import { Argument, Option } from 'commander';
import { ConfigError, type Job, JobNotFoundError, type JobOptions, Queue } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type Connection, type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import type { Output } from '../output.ts';
import { printable, shortened } from '../printable.ts';
import { isoTime } from '../times.ts';
import { readData, wholeNumber } from '../values.ts';

/** Longest data, result or reason that is shown without --json, in characters. */
const VALUE_CHARACTERS_MAX = 2_000;

const queueArgument = (): Argument => new Argument('<queue>', 'the name of the queue');
const idArgument = (): Argument => new Argument('<id>', 'the id of the job, as "add" printed it');

type AddOptions = ConnectionOptions &
  Pick<JobOptions, 'attempts' | 'delay' | 'jobId' | 'lifo' | 'priority'> & {
    readonly deduplicate?: string;
    readonly ttl?: number;
  };

export const add: CliCommand = {
  name: 'add',
  group: 'Jobs',
  summary: 'Adds a job. In a folder without a cluster, it starts a new one.',
  arguments: [
    queueArgument(),
    new Argument('<name>', 'the name of the job'),
    new Argument('[json]', 'its data as JSON; "-" reads them from standard input (default: no data)'),
  ],
  options: [
    ...connectionOptions(),
    new Option('--delay <ms>', 'milliseconds until a worker may get it').argParser(wholeNumber(0)),
    new Option('--priority <number>', '0 (the default) is served first, then 1, 2, …').argParser(wholeNumber(0)),
    new Option('--attempts <count>', 'attempts before it is a dead letter (default: 1)').argParser(wholeNumber(1)),
    new Option('--lifo', 'before the waiting jobs of its priority'),
    new Option('--job-id <id>', 'an id of your choice: while the queue has a job with it, nothing is added'),
    new Option('--deduplicate <id>', 'until a job with this id ends, nothing is added; --ttl for a time instead'),
    new Option('--ttl <ms>', 'with --deduplicate: for this time nothing is added').argParser(wholeNumber(1)),
  ],
  json: 'document',
  mayHaveHappened: 'the job may have been added',
  examples: [
    `jobraft add emails welcome '{"to":"ada@example.com"}' --data-dir ./data`,
    'jobraft add emails welcome - --data-dir ./data < mail.json',
    'jobraft add emails reminder --delay 60000 --attempts 3 --data-dir ./data',
  ],
  async run(invocation: Invocation<readonly [queue: string, name: string, json?: string], AddOptions>) {
    const { args, options, output, isJson } = invocation;
    const [queueName, name, json] = args;
    // Before the cluster is opened, or created.
    const jobOptions = jobOptionsOf(options);
    const data = await readData(json, invocation);
    await withCluster(
      invocation,
      async ({ client }) => {
        await using queue = new Queue(queueName, { connection: client });
        const { id, isDeduplicated } = await queue.add(name, data, jobOptions);
        const more = isDeduplicated ? { isDeduplicated } : {};
        if (isJson) output.document({ queue: queueName, id, name, ...more });
        else if (isDeduplicated) output.line(`No job was added: it is a duplicate of job ${printable(id)}.`);
        else output.line(`Job ${printable(id)} is in the queue ${printable(JSON.stringify(queueName))}.`);
      },
      { mayCreate: true },
    );
  },
};

function jobOptionsOf({ attempts, deduplicate, delay, jobId, lifo, priority, ttl }: AddOptions): JobOptions {
  if (ttl !== undefined && deduplicate === undefined) throw new ConfigError('ttl', ttl, 'Give --deduplicate, too.');
  return {
    ...(deduplicate === undefined ? {} : { deduplication: { id: deduplicate, ...(ttl === undefined ? {} : { ttl }) } }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(delay === undefined ? {} : { delay }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(lifo === undefined ? {} : { lifo }),
    ...(priority === undefined ? {} : { priority }),
  };
}

type JobInvocation = Invocation<readonly [queue: string, id: string], ConnectionOptions>;

export const job: CliCommand = {
  name: 'job',
  group: 'Jobs',
  summary: 'Shows a job: its state, data, attempts, and its result or why it failed.',
  arguments: [queueArgument(), idArgument()],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft job emails 17 --data-dir ./data', 'jobraft job emails 17 --json --data-dir ./data'],
  run: (invocation: JobInvocation) =>
    withJob(invocation, async (found, { output, isJson }) => {
      if (isJson) output.document(recordOf(found));
      else print(output, found);
    }),
};

export const retry: CliCommand = {
  name: 'retry',
  group: 'Jobs',
  summary: 'Makes a failed job wait again, with all its attempts.',
  arguments: [queueArgument(), idArgument()],
  options: connectionOptions(),
  json: 'document',
  mayHaveHappened: 'the job may wait again',
  examples: ['jobraft retry emails 17 --data-dir ./data'],
  run: (invocation: JobInvocation) =>
    withJob(invocation, async (found, { output, isJson }) => {
      await found.retry();
      if (isJson) output.document({ queue: found.queueName, id: found.id, isRetried: true });
      else output.line(`Job ${printable(found.id)} waits again, with all its attempts.`);
    }),
};

export const promote: CliCommand = {
  name: 'promote',
  group: 'Jobs',
  summary: 'Makes a delayed job wait now.',
  arguments: [queueArgument(), idArgument()],
  options: connectionOptions(),
  json: 'document',
  mayHaveHappened: 'the job may wait now',
  examples: ['jobraft promote emails 17 --data-dir ./data'],
  run: (invocation: JobInvocation) =>
    withJob(invocation, async (found, { output, isJson }) => {
      await found.promote();
      if (isJson) output.document({ queue: found.queueName, id: found.id, isPromoted: true });
      else output.line(`Job ${printable(found.id)} waits now.`);
    }),
};

type ChangeOptions = ConnectionOptions & { readonly data?: string; readonly delay?: number; readonly priority?: number };

export const change: CliCommand = {
  name: 'change',
  group: 'Jobs',
  summary: 'Changes a job: its data, the delay of a delayed one, the priority of one that waits or is delayed.',
  arguments: [queueArgument(), idArgument()],
  options: [
    ...connectionOptions(),
    new Option('--data <json>', 'other data, as JSON; "-" reads them from standard input'),
    new Option('--delay <ms>', 'milliseconds from now until a worker may get it').argParser(wholeNumber(0)),
    new Option('--priority <number>', '0 is served first, then 1, 2, …').argParser(wholeNumber(0)),
  ],
  json: 'document',
  mayHaveHappened: 'the job may have changed',
  examples: ['jobraft change emails 17 --priority 0 --data-dir ./data', 'jobraft change emails 17 --delay 60000 --data-dir ./data'],
  async run(invocation: Invocation<readonly [queue: string, id: string], ChangeOptions>) {
    const { data: json, delay, priority } = invocation.options;
    if (json === undefined && delay === undefined && priority === undefined)
      throw new ConfigError('delay', delay, 'Give --data, --delay or --priority.');
    const data = await readData(json, invocation);
    await withJob(invocation, async (found, { output, isJson }) => {
      // What fewer states allow comes first; without a delay, last, since a worker may get it at once.
      if (delay !== undefined && delay > 0) await found.changeDelay(delay);
      if (priority !== undefined) await found.changePriority({ priority });
      if (json !== undefined) await found.updateData(data);
      if (delay === 0) await found.changeDelay(delay);
      if (isJson) output.document({ queue: found.queueName, id: found.id, data, delay, priority });
      else output.line(`Job ${printable(found.id)} is changed.`);
    });
  },
};

export const remove: CliCommand = {
  name: 'remove',
  group: 'Jobs',
  summary: 'Removes a job that no worker has.',
  arguments: [queueArgument(), idArgument()],
  options: connectionOptions(),
  json: 'document',
  mayHaveHappened: 'the job may have been removed',
  examples: ['jobraft remove emails 17 --data-dir ./data'],
  run: (invocation: JobInvocation) =>
    withQueue(invocation, async (queue) => {
      const {
        args: [, id],
        output,
        isJson,
      } = invocation;
      await queue.remove(id);
      if (isJson) output.document({ queue: queue.name, id, isRemoved: true });
      else output.line(`Job ${printable(id)} is removed.`);
    }),
};

async function withQueue(invocation: JobInvocation, use: (queue: Queue, connection: Connection) => Promise<void>): Promise<void> {
  await withCluster(invocation, async (connection) => {
    await using queue = new Queue(invocation.args[0], { connection: connection.client });
    await use(queue, connection);
  });
}

/** @throws {JobNotFoundError} */
async function withJob(invocation: JobInvocation, use: (job: Job, invocation: JobInvocation) => Promise<void>): Promise<void> {
  const [, id] = invocation.args;
  await withQueue(invocation, async (queue) => {
    const found = await queue.getJob(id);
    if (found === undefined) throw new JobNotFoundError(id);
    await use(found, invocation);
  });
}

/** A job as JSON; the names are those of the class. */
export function recordOf(found: Job): Readonly<Record<string, unknown>> {
  const { id, queueName, name, state, data, priority, attemptsMade, stalledCounter, token, timestamp, finishedOn } = found;
  return {
    ...{ id, queueName, name, state, data, priority, attempts: found.opts.attempts, attemptsMade, stalledCounter, token },
    ...{ timestamp, finishedOn, progress: found.progress, returnvalue: found.returnvalue, failedReason: found.failedReason },
    ...{ repeatJobKey: found.repeatJobKey, scheduledFor: found.scheduledFor },
  };
}

function print(output: Output, found: Job): void {
  const { state, attemptsMade, stalledCounter } = found;
  const fields: readonly (readonly [name: string, value: string | undefined])[] = [
    ['job', found.id],
    ['queue', found.queueName],
    ['name', found.name],
    ['state', state],
    ['priority', String(found.priority)],
    ['attempts', `${attemptsMade} of ${found.opts.attempts ?? 1} made${stalledCounter === 0 ? '' : `, stalled ${stalledCounter} times`}`],
    ['added', isoTime(found.timestamp)],
    ['scheduler', found.repeatJobKey],
    ['scheduled', isoTime(found.scheduledFor)],
    ['finished', isoTime(found.finishedOn)],
    ['progress', found.progress === 0 ? undefined : valueText(found.progress)],
    ['data', valueText(found.data)],
    ['result', valueText(found.returnvalue)],
    ['reason', found.failedReason === undefined ? undefined : cut(found.failedReason)],
  ];
  output.fields(fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

function valueText(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return value instanceof Uint8Array ? `${value.length} bytes` : cut(JSON.stringify(value));
}

function cut(text: string): string {
  return text.length <= VALUE_CHARACTERS_MAX
    ? text
    : `${shortened(text, VALUE_CHARACTERS_MAX)} (${text.length} characters; --json prints all)`;
}
