import { Argument, Option } from 'commander';
import { type CleanedState, Queue } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { wholeNumber } from '../values.ts';

const queueArgument = (): Argument => new Argument('<queue>', 'the name of the queue');
const CLEANED = ['completed', 'delayed', 'failed', 'waiting'] as const satisfies readonly CleanedState[];

type DrainOptions = ConnectionOptions & { readonly delayed?: true };

export const drain: CliCommand = {
  name: 'drain',
  group: 'Queues',
  summary: 'Removes all jobs of a queue that wait.',
  arguments: [queueArgument()],
  options: [...connectionOptions(), new Option('--delayed', 'also those that are delayed')],
  json: 'document',
  mayHaveHappened: 'some jobs may have been removed',
  examples: ['jobraft drain emails --data-dir ./data', 'jobraft drain emails --delayed --data-dir ./data'],
  run: (invocation: Invocation<readonly [queue: string], DrainOptions>) =>
    withQueue(invocation, async (queue) => {
      const { options, output, isJson } = invocation;
      const { delayed = false } = options;
      await queue.drain(delayed);
      if (isJson) output.document({ queue: queue.name, isDrained: true, delayed });
      else output.line(`The jobs of the queue ${JSON.stringify(queue.name)} that waited${delayed ? ' or were delayed' : ''} are removed.`);
    }),
};

interface CleanOptions extends ConnectionOptions {
  readonly grace?: number;
  readonly limit?: number;
}

export const clean: CliCommand = {
  name: 'clean',
  group: 'Queues',
  summary: 'Removes jobs of one state of a queue, the oldest first.',
  arguments: [queueArgument(), new Argument('<state>', 'the state of the jobs').choices(CLEANED)],
  options: [
    ...connectionOptions(),
    new Option('--grace <ms>', 'only jobs that were added, or finished if they are, this many milliseconds ago (default: 0)').argParser(
      wholeNumber(0),
    ),
    new Option('--limit <count>', 'how many jobs at most (default: all)').argParser(wholeNumber(1)),
  ],
  json: 'document',
  mayHaveHappened: 'some jobs may have been removed',
  examples: [
    'jobraft clean emails failed --data-dir ./data',
    'jobraft clean emails completed --grace 3600000 --limit 1000 --data-dir ./data',
  ],
  run: (invocation: Invocation<readonly [queue: string, state: CleanedState], CleanOptions>) =>
    withQueue(invocation, async (queue) => {
      const { args, options, output, isJson } = invocation;
      const [, state] = args;
      const ids = await queue.clean(options.grace ?? 0, options.limit ?? 0, state);
      if (isJson) output.document({ queue: queue.name, state, removed: ids });
      else output.line(`${ids.length} ${state} jobs of the queue ${JSON.stringify(queue.name)} are removed.`);
    }),
};

async function withQueue(
  invocation: Invocation<readonly [queue: string, ...others: string[]], ConnectionOptions>,
  use: (queue: Queue) => Promise<void>,
): Promise<void> {
  await withCluster(invocation, async ({ client }) => {
    await using queue = new Queue(invocation.args[0], { connection: client });
    await use(queue);
  });
}
