import { Argument, Option } from 'commander';
import { ClusterClosedError, type QueueEventArguments, QueueEvents } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type Connection, type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { printable } from '../printable.ts';
import { isoTime } from '../times.ts';

interface EventsOptions extends ConnectionOptions {
  readonly from?: string;
}

type EventsInvocation = Invocation<readonly [queue: string], EventsOptions>;
type Name = keyof QueueEventArguments;

const NAMES: Readonly<Record<Name, true>> = {
  added: true,
  duplicated: true,
  deduplicated: true,
  waiting: true,
  'waiting-children': true,
  delayed: true,
  active: true,
  progress: true,
  stalled: true,
  completed: true,
  failed: true,
  'retries-exhausted': true,
  removed: true,
  paused: true,
  resumed: true,
  drained: true,
};

export const events: CliCommand = {
  name: 'events',
  group: 'Queues',
  summary: 'Follows the events of a queue, each on a line, until it is interrupted.',
  arguments: [new Argument('<queue>', 'the name of the queue')],
  options: [
    ...connectionOptions(),
    new Option('--from <id>', 'begin behind the event of this id; 0 for the oldest one that is there (default: those that follow)'),
  ],
  json: 'lines',
  examples: ['jobraft events mail --data-dir ./data', 'jobraft events mail --from 0 --json --data-dir ./data'],
  run: (invocation: EventsInvocation) =>
    withCluster(invocation, (connection) => followUntilEnded(invocation, connection), { endsBySignal: true }),
};

/** @throws {EventsLostError} and what a call was rejected with. */
async function followUntilEnded(invocation: EventsInvocation, { client }: Connection): Promise<void> {
  const { args, options, signal } = invocation;
  await using followed = new QueueEvents(args[0], { connection: client, autorun: false, lastEventId: options.from ?? '$' });
  for (const name of Object.keys(NAMES) as Name[])
    followed.on(name, (...given: readonly unknown[]) => {
      // The only cast: `drained` has no arguments, the others have an object in front.
      const [shown, id, timestamp] = (name === 'drained' ? [{}, ...given] : given) as [object, string, number];
      print(invocation, { id, event: name, timestamp, ...shown });
    });
  await new Promise<void>((resolve, reject) => {
    followed.on('error', reject);
    followed.on('closed', () => reject(new ClusterClosedError()));
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
    else followed.run();
  });
}

interface ShownEvent {
  readonly id: string;
  readonly event: Name;
  readonly timestamp: number;
}

function print({ output, isJson }: EventsInvocation, shown: ShownEvent): void {
  const { id, event, timestamp, ...args } = shown;
  if (isJson) output.record(shown);
  else output.line(`${isoTime(timestamp)} ${id} ${event} ${printable(JSON.stringify(args))}`);
}
