import { Argument, Option } from 'commander';
import { type Job, type ListedState, Queue } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { isoTime } from '../times.ts';
import { wholeNumber } from '../values.ts';
import { recordOf } from './jobs.ts';

const STATES = ['waiting', 'active', 'delayed', 'completed', 'failed', 'waiting-children'] as const satisfies readonly ListedState[];
const COUNT_DEFAULT = 20;
/** Jobs are printed once all of the page are read, with their data. */
const COUNT_MAX = 1_000;
const START_MAX = 4_000_000_000;

interface JobsOptions extends ConnectionOptions {
  readonly start: number;
  readonly count: number;
}

export const jobs: CliCommand = {
  name: 'jobs',
  group: 'Jobs',
  summary: 'Lists the jobs of a queue in one state, page by page: finished ones newest first, with their result or why they failed.',
  arguments: [
    new Argument('<queue>', 'the name of the queue'),
    new Argument('<state>', 'waiting ones are in the order in which workers get them, delayed ones by the end of their delay').choices(
      STATES,
    ),
  ],
  options: [
    ...connectionOptions(),
    new Option('--start <position>', 'the first job of the page').argParser(wholeNumber(0, START_MAX)).default(0),
    new Option('--count <number>', `how many jobs, up to ${COUNT_MAX}`).argParser(wholeNumber(1, COUNT_MAX)).default(COUNT_DEFAULT),
  ],
  json: 'document',
  examples: [
    'jobraft jobs emails failed --data-dir ./data',
    'jobraft jobs emails waiting --start 20 --count 100 --data-dir ./data',
    "jobraft jobs emails failed --json --data-dir ./data | jq -r '.jobs[].id'",
  ],
  async run(invocation: Invocation<readonly [queue: string, state: ListedState], JobsOptions>) {
    const {
      args: [name, state],
      options: { start, count },
      output,
      isJson,
    } = invocation;
    await withCluster(invocation, async ({ client }) => {
      await using queue = new Queue(name, { connection: client });
      const [found, total] = await Promise.all([pageOf(queue, state, start, count), queue.getJobCountByTypes(state)]);
      if (isJson) {
        output.document({ queue: name, state, start, total, jobs: found.map(recordOf) });
        return;
      }
      if (found.length > 0) output.table(HEADERS[state], found.map(ROWS[state]));
      output.note(remarkOf(name, state, start, found.length, total));
    });
  },
};

/** Finished jobs backwards, as the getters of a queue do. */
async function pageOf(queue: Queue, state: ListedState, start: number, count: number): Promise<Job[]> {
  return await queue.getJobs(state, { start, end: start + count - 1, asc: state !== 'completed' && state !== 'failed' });
}

type Row = (job: Job) => string[];

const attemptsOf = ({ attemptsMade, opts }: Job): string => `${attemptsMade} of ${opts.attempts ?? 1}`;
const pendingRow: Row = (job) => [job.id, job.name, String(job.priority), attemptsOf(job), isoTime(job.timestamp) ?? '–'];
const finishedRow =
  (outcomeOf: (job: Job) => string): Row =>
  (job) => [job.id, job.name, attemptsOf(job), isoTime(job.finishedOn) ?? '–', outcomeOf(job)];

const PENDING = ['Job', 'Name', 'Priority', 'Attempts', 'Added'];
const HEADERS: Readonly<Record<ListedState, readonly string[]>> = {
  waiting: PENDING,
  active: PENDING,
  delayed: PENDING,
  'waiting-children': PENDING,
  completed: ['Job', 'Name', 'Attempts', 'Finished', 'Result'],
  failed: ['Job', 'Name', 'Attempts', 'Finished', 'Reason'],
};
const ROWS: Readonly<Record<ListedState, Row>> = {
  waiting: pendingRow,
  active: pendingRow,
  delayed: pendingRow,
  'waiting-children': pendingRow,
  completed: finishedRow(({ returnvalue }) =>
    returnvalue instanceof Uint8Array ? `${returnvalue.length} bytes` : (JSON.stringify(returnvalue) ?? ''),
  ),
  failed: finishedRow(({ failedReason = '' }) => failedReason),
};

/** Which jobs the page has, of how many, and how to read on. */
export function remarkOf(queue: string, state: ListedState, start: number, count: number, total: number): string {
  if (total === 0) return `The queue ${JSON.stringify(queue)} has no ${state} jobs.`;
  if (count === 0) return `There are no jobs from position ${start} on: ${total} are ${state}.`;
  const next = start + count < total ? ` For the next ones: --start ${start + count}.` : '';
  return `Positions ${start} to ${start + count - 1} of ${total} ${state} jobs.${next}`;
}
