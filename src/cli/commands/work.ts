import { Argument, Option } from 'commander';
import { ProcessorFile } from '../../client/sandbox/processor-file.ts';
import { type Job, JobraftError, ProcessorFileError, Worker } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type Connection, type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import { clockTime } from '../times.ts';
import { wholeNumber } from '../values.ts';

const NAME_CHARACTERS_MAX = 60;
const REASON_CHARACTERS_MAX = 200;

interface WorkOptions extends ConnectionOptions {
  readonly concurrency: number;
}
type WorkInvocation = Invocation<readonly [queue: string, file: string], WorkOptions>;

/** The end of an attempt, as it is printed. */
interface AttemptEnd {
  readonly event: 'completed' | 'failed' | 'stalled';
  readonly job: string;
  readonly name: string;
  readonly attemptsMade: number;
  readonly attempts: number;
  /** From the call of the processor to the commit of its outcome. */
  readonly durationMs?: number;
  readonly result?: unknown;
  readonly reason?: string;
  /** Of a failed attempt: the job waits for another one. */
  readonly isRetried?: boolean;
}

export const work: CliCommand = {
  name: 'work',
  group: 'Start',
  summary: 'Processes the jobs of a queue by a function in a file, in threads, until Ctrl-C. Prints a line for each job.',
  arguments: [
    new Argument('<queue>', 'the name of the queue'),
    new Argument('<file>', 'a file that exports a function "process", or a default function: async (job) => result'),
  ],
  options: [
    ...connectionOptions(),
    new Option('--concurrency <count>', 'maximum number of jobs at the same time').argParser(wholeNumber(1)).default(1),
  ],
  json: 'lines',
  examples: [
    'jobraft work emails ./send-mail.js --data-dir ./data',
    'jobraft work emails ./send-mail.js --concurrency 8 --json --data-dir ./data',
  ],
  async run(invocation: WorkInvocation) {
    const [, file] = invocation.args;
    // Before the cluster is opened, or created: a worker without its file fails the jobs that it gets.
    new ProcessorFile(file).locate();
    await withCluster(invocation, (connection) => workUntilEnded(invocation, connection), { mayCreate: true, endsBySignal: true });
  },
};

/** @throws the error that keeps the worker from its work. */
async function workUntilEnded({ args, options, output, isJson, signal }: WorkInvocation, { client }: Connection): Promise<void> {
  const [queue, file] = args;
  const { concurrency } = options;
  const worker = new Worker(queue, file, { connection: client, concurrency });
  const problems = new Problems(output, () => void worker.close());
  const onEnd = (end: AttemptEnd): void =>
    isJson ? output.record({ time: new Date().toISOString(), queue, ...end }) : output.line(lineOf(end));
  worker.on('completed', (job, result) => onEnd({ event: 'completed', ...attemptOf(job), result }));
  worker.on('failed', (job, error) => {
    onEnd({ event: 'failed', ...attemptOf(job), reason: error.message, isRetried: job.finishedOn === undefined });
    problems.onFailed(error);
  });
  worker.on('stalled', (job, error) => onEnd({ event: 'stalled', ...attemptOf(job), reason: error.message }));
  worker.on('error', (error) => problems.onError(error));
  const onAbort = (): void => {
    output.note('The worker closes: it awaits the jobs that run. Press Ctrl-C again to end at once.');
    void worker.close();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  else output.note(`Working on the queue ${JSON.stringify(queue)}, up to ${worker.concurrency} jobs at a time, until Ctrl-C.`);
  await worker.run();
  signal.removeEventListener('abort', onAbort);
  problems.throwFatal();
}

/** Errors of a worker: most of them pass, and it goes on. */
class Problems {
  readonly #output: Output;
  readonly #stop: () => void;
  #lastMessage = '';
  #fatal: Error | undefined;

  constructor(output: Output, stop: () => void) {
    this.#output = output;
    this.#stop = stop;
  }

  onError(error: Error): void {
    this.onFailed(error);
    if (this.#fatal === error) return;
    // The same error comes with each call while its cause lasts.
    if (error.message === this.#lastMessage) return;
    this.#lastMessage = error.message;
    this.#output.error(error instanceof JobraftError ? error.code : error.name, error.message);
  }

  /** A file that cannot be imported would fail every job of the queue. */
  onFailed(error: Error): void {
    if (!(error instanceof ProcessorFileError)) return;
    this.#fatal ??= error;
    this.#stop();
  }

  throwFatal(): void {
    if (this.#fatal !== undefined) throw this.#fatal;
  }
}

function attemptOf(job: Job): Pick<AttemptEnd, 'job' | 'name' | 'attemptsMade' | 'attempts' | 'durationMs'> {
  const { id, name, attemptsMade, processedOn, opts } = job;
  const begun = processedOn === undefined ? {} : { durationMs: Math.max(0, Date.now() - processedOn) };
  return { job: id, name, attemptsMade, attempts: opts.attempts ?? 1, ...begun };
}

/** `14:03:07  completed  job 17  welcome  12 ms`. */
export function lineOf({ event, job, name, attemptsMade, attempts, durationMs, reason, isRetried }: AttemptEnd): string {
  const parts = [clockTime(new Date()), event.padEnd('completed'.length), `job ${job}`, printable(name, NAME_CHARACTERS_MAX)];
  if (durationMs !== undefined) parts.push(`${durationMs} ms`);
  if (isRetried !== undefined)
    parts.push(`attempt ${attemptsMade} of ${attempts}${isRetried ? ', will be tried again' : ', a dead letter now'}`);
  if (reason !== undefined) parts.push(printable(reason, REASON_CHARACTERS_MAX));
  return parts.join('  ');
}
