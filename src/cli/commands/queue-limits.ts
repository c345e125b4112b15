import { Argument, InvalidArgumentError, Option } from 'commander';
import { Queue } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { wholeNumber } from '../values.ts';

const NONE = 'none';
const CONCURRENCY_MAX = 2 ** 31 - 1;

interface LimitOptions extends ConnectionOptions {
  readonly concurrency?: number | typeof NONE;
}

export const limit: CliCommand = {
  name: 'limit',
  group: 'Queues',
  summary: 'Limits how many jobs of a queue the workers of all processes have at the same time, also after a restart.',
  arguments: [new Argument('<queue>', 'the name of the queue')],
  options: [
    ...connectionOptions(),
    new Option('--concurrency <count>', `how many jobs may be active, or "${NONE}" (default: as it is)`).argParser(
      countOrNone(CONCURRENCY_MAX),
    ),
  ],
  json: 'document',
  mayHaveHappened: 'the limits of the queue may have changed',
  examples: [
    'jobraft limit emails --concurrency 10 --data-dir ./data',
    'jobraft limit emails --concurrency none --data-dir ./data',
    'jobraft limit emails --data-dir ./data    # shows the limits',
  ],
  async run(invocation: Invocation<readonly [queue: string], LimitOptions>) {
    const { args, options, output, isJson } = invocation;
    const [name] = args;
    const { concurrency } = options;
    await withCluster(invocation, async ({ client }) => {
      await using queue = new Queue(name, { connection: client });
      if (concurrency === NONE) await queue.removeGlobalConcurrency();
      else if (concurrency !== undefined) await queue.setGlobalConcurrency(concurrency);
      const active = await queue.getGlobalConcurrency();
      if (isJson) output.document({ queue: name, concurrency: active });
      else output.line(`The queue ${JSON.stringify(name)} ${limitsText(active)}.`);
    });
  },
};

/** What follows the name of the queue. */
export const limitsText = (concurrency: number | null): string =>
  concurrency === null ? 'has no limit' : `has at most ${concurrency} active ${concurrency === 1 ? 'job' : 'jobs'}`;

/** Parses a whole number from 1 on, or the word for no limit. @throws {InvalidArgumentError} */
function countOrNone(to: number): (text: string) => number | typeof NONE {
  const count = wholeNumber(1, to);
  return (text) => {
    if (text === NONE) return NONE;
    if (!/^\d+$/.test(text)) throw new InvalidArgumentError(`Give a whole number from 1 to ${to}, or "${NONE}".`);
    return count(text);
  };
}
