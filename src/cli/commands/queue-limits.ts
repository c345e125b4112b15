import { Argument, InvalidArgumentError, Option } from 'commander';
import { Queue } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { UsageError } from '../exit-codes.ts';
import { secondsIn, wholeNumber } from '../values.ts';

const NONE = 'none';
const COUNT_MAX = 2 ** 31 - 1;
const SECONDS_MIN = 0.001;
const SECONDS_MAX = 100 * 365 * 24 * 3_600;

interface LimitOptions extends ConnectionOptions {
  readonly concurrency?: number | typeof NONE;
  readonly rate?: number | typeof NONE;
  readonly per?: number;
  readonly hold?: number | typeof NONE;
}

export const limit: CliCommand = {
  name: 'limit',
  group: 'Queues',
  summary: 'Limits which jobs of a queue the workers of all processes get, also after a restart.',
  arguments: [new Argument('<queue>', 'the name of the queue')],
  options: [
    ...connectionOptions(),
    new Option('--concurrency <count>', `how many jobs may be active, or "${NONE}" (default: as it is)`).argParser(
      orNone(wholeNumber(1, COUNT_MAX)),
    ),
    new Option('--rate <count>', `how many jobs workers get within the time of --per, or "${NONE}" (default: as it is)`).argParser(
      orNone(wholeNumber(1, COUNT_MAX)),
    ),
    new Option('--per <seconds>', 'the time of --rate; it begins with the first job').argParser(secondsIn(SECONDS_MIN, SECONDS_MAX)),
    new Option('--hold <seconds>', `workers get no job for this time, or "${NONE}" to end it`).argParser(
      orNone(secondsIn(SECONDS_MIN, SECONDS_MAX)),
    ),
  ],
  json: 'document',
  mayHaveHappened: 'the limits of the queue may have changed',
  examples: [
    'jobraft limit emails --concurrency 10 --data-dir ./data',
    'jobraft limit emails --rate 100 --per 60 --data-dir ./data    # 100 jobs a minute',
    'jobraft limit emails --concurrency none --rate none --data-dir ./data',
    'jobraft limit emails --hold 30 --data-dir ./data',
    'jobraft limit emails --data-dir ./data    # shows the limits',
  ],
  async run(invocation: Invocation<readonly [queue: string], LimitOptions>) {
    const { args, options, output, isJson } = invocation;
    const [name] = args;
    checkRate(options);
    await withCluster(invocation, async ({ client }) => {
      await using queue = new Queue(name, { connection: client });
      await change(queue, options);
      const [concurrency, rateLimit, rateLimitTtl] = await Promise.all([
        queue.getGlobalConcurrency(),
        queue.getGlobalRateLimit(),
        queue.getRateLimitTtl(),
      ]);
      if (isJson) output.document({ queue: name, concurrency, rateLimit, rateLimitTtl });
      else output.line(`The queue ${JSON.stringify(name)} ${limitsText(concurrency, rateLimit, rateLimitTtl)}.`);
    });
  },
};

/** @throws {UsageError} */
function checkRate({ rate, per }: LimitOptions): void {
  if ((typeof rate === 'number') !== (per !== undefined))
    throw new UsageError('A rate is a number of jobs and a time. Give both, such as --rate 100 --per 60, or --rate none.');
}

async function change(queue: Queue, { concurrency, rate, per, hold }: LimitOptions): Promise<void> {
  if (concurrency === NONE) await queue.removeGlobalConcurrency();
  else if (concurrency !== undefined) await queue.setGlobalConcurrency(concurrency);
  if (rate === NONE) await queue.removeGlobalRateLimit();
  else if (rate !== undefined && per !== undefined) await queue.setGlobalRateLimit(rate, per * 1_000);
  if (hold === NONE) await queue.removeRateLimitKey();
  else if (hold !== undefined) await queue.rateLimit(hold * 1_000);
}

/** What follows the name of the queue. @param heldMs for how long workers get no job. */
export function limitsText(
  concurrency: number | null,
  rate: { readonly max: number; readonly duration: number } | null,
  heldMs: number,
): string {
  const limits = [
    ...(concurrency === null ? [] : [`has at most ${jobs(concurrency, 'active ')}`]),
    ...(rate === null ? [] : [`hands out at most ${jobs(rate.max)} within ${rate.duration / 1_000} s`]),
    ...(heldMs === 0 ? [] : [`hands out none for another ${Math.ceil(heldMs) / 1_000} s, by a rate, the limiter of a worker or --hold`]),
  ];
  return limits.length === 0 ? 'has no limit' : limits.join(', and ');
}

const jobs = (count: number, which = ''): string => `${count} ${which}${count === 1 ? 'job' : 'jobs'}`;

/** Also the word for no limit. @throws {InvalidArgumentError} */
function orNone(parse: (text: string) => number): (text: string) => number | typeof NONE {
  return (text) => {
    if (text === NONE) return NONE;
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof InvalidArgumentError ? new InvalidArgumentError(`${error.message} Or "${NONE}".`) : error;
    }
  };
}
