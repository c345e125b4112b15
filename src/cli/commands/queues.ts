import { Argument, Option } from 'commander';
import { type Client, Queue } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { pauseFor } from '../interruption.ts';
import { clockTime } from '../times.ts';
import { secondsIn } from '../values.ts';

const WATCH_SECONDS_DEFAULT = 1;
const WATCH_SECONDS_MIN = 0.1;
const WATCH_SECONDS_MAX = 3_600;

const queueArgument = (): Argument => new Argument('<queue>', 'the name of the queue');

interface CountsOptions extends ConnectionOptions {
  /** True without a number. */
  readonly watch?: number | true;
}

export const counts: CliCommand = {
  name: 'counts',
  group: 'Queues',
  summary: 'Shows how many jobs of a queue are in each state.',
  arguments: [queueArgument()],
  options: [
    ...connectionOptions(),
    new Option('--watch [seconds]', `read again and again, until Ctrl-C (default: every ${WATCH_SECONDS_DEFAULT} s)`).argParser(
      secondsIn(WATCH_SECONDS_MIN, WATCH_SECONDS_MAX),
    ),
  ],
  json: 'document',
  examples: [
    'jobraft counts emails --data-dir ./data',
    'jobraft counts emails --watch 5 --data-dir ./data',
    'jobraft counts emails --watch --json --data-dir ./data    # one JSON object a line',
  ],
  async run(invocation: Invocation<readonly [queue: string], CountsOptions>) {
    const { args, options, output, isJson, signal } = invocation;
    const [name] = args;
    const { watch } = options;
    const everySeconds = watch === true ? WATCH_SECONDS_DEFAULT : watch;
    await withCluster(
      invocation,
      async ({ client }) => {
        await using queue = new Queue(name, { connection: client });
        const first = await read(queue);
        if (everySeconds === undefined) {
          if (isJson) output.document({ queue: name, ...first });
          else output.table(Object.keys(cellsOf(first)), [Object.values(cellsOf(first))]);
          return;
        }
        for (let found = first; !signal.aborted; found = await read(queue)) {
          const time = new Date();
          if (isJson) output.record({ time: time.toISOString(), queue: name, ...found });
          else output.live(`${clockTime(time)}  ${lineOf(found)}`);
          await pauseFor(everySeconds * 1_000, signal);
        }
      },
      { endsBySignal: everySeconds !== undefined },
    );
  },
};

/** Queues whose counts are read by one request. */
const QUEUES_PER_REQUEST = 200;

export const queues: CliCommand = {
  name: 'queues',
  group: 'Queues',
  summary:
    'Shows the queues that have jobs, job schedulers or limits, are paused, or record their events, oldest first, and how many jobs of each are in each state.',
  arguments: [],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft queues --data-dir ./data', "jobraft queues --json --data-dir ./data | jq '.queues[] | select(.failed > 0)'"],
  async run(invocation: Invocation<readonly [], ConnectionOptions>) {
    const { output, isJson } = invocation;
    await withCluster(invocation, async ({ client }) => {
      const names = await client.queues();
      const found: { readonly queue: string; readonly reading: Reading }[] = [];
      for (let at = 0; at < names.length; at += QUEUES_PER_REQUEST)
        found.push(...(await Promise.all(names.slice(at, at + QUEUES_PER_REQUEST).map((name) => readNamed(client, name)))));
      if (isJson) {
        output.document({ queues: found.map(({ queue, reading }) => ({ queue, ...reading })) });
        return;
      }
      const [first] = found;
      if (first === undefined) output.line('No queue has jobs, job schedulers or limits, or is paused.');
      else
        output.table(
          ['queue', ...Object.keys(cellsOf(first.reading))],
          found.map(({ queue, reading }) => [queue, ...Object.values(cellsOf(reading))]),
        );
    });
  },
};

async function readNamed(client: Client, name: string): Promise<{ readonly queue: string; readonly reading: Reading }> {
  await using queue = new Queue(name, { connection: client });
  return { queue: name, reading: await read(queue) };
}

/** The states and their numbers of jobs, and whether workers get none of them. */
type Reading = Readonly<Record<string, number | boolean>>;

async function read(queue: Queue): Promise<Reading> {
  const [found, isPaused] = await Promise.all([queue.getJobCounts(), queue.isPaused()]);
  return { ...found, isPaused };
}

function cellsOf({ isPaused, ...states }: Reading): Record<string, string> {
  const cells = Object.entries(states).map(([state, count]) => [state, String(count)]);
  return { ...Object.fromEntries(cells), paused: isPaused === true ? 'yes' : 'no' };
}

export const lineOf = (reading: Reading): string =>
  Object.entries(cellsOf(reading))
    .map(([name, cell]) => `${name} ${cell}`)
    .join('  ');

export const pause: CliCommand = {
  name: 'pause',
  group: 'Queues',
  summary: 'Workers get no more jobs of a queue until "resume", also after a restart; jobs that run go on.',
  arguments: [queueArgument()],
  options: connectionOptions(),
  json: 'document',
  mayHaveHappened: 'the queue may be paused',
  examples: ['jobraft pause emails --data-dir ./data'],
  run: (invocation: Invocation<readonly [queue: string], ConnectionOptions>) => setPaused(invocation, true),
};

export const resume: CliCommand = {
  name: 'resume',
  group: 'Queues',
  summary: 'Ends "pause": workers get the jobs of the queue again.',
  arguments: [queueArgument()],
  options: connectionOptions(),
  json: 'document',
  mayHaveHappened: 'the queue may not be paused any more',
  examples: ['jobraft resume emails --data-dir ./data'],
  run: (invocation: Invocation<readonly [queue: string], ConnectionOptions>) => setPaused(invocation, false),
};

async function setPaused(invocation: Invocation<readonly [queue: string], ConnectionOptions>, isPaused: boolean): Promise<void> {
  const {
    args: [name],
    output,
    isJson,
  } = invocation;
  await withCluster(invocation, async ({ client }) => {
    await using queue = new Queue(name, { connection: client });
    await (isPaused ? queue.pause() : queue.resume());
    if (isJson) output.document({ queue: name, isPaused });
    else output.line(`The queue ${JSON.stringify(name)} is ${isPaused ? 'paused: workers get no more of its jobs' : 'not paused'}.`);
  });
}
