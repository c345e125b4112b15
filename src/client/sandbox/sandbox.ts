import { invariant } from '../../base/invariant.ts';
import type { Job } from '../api/job.ts';
import { ClientClosedError } from '../errors.ts';
import { decodeValue } from '../payload.ts';
import { describeThrown } from '../thrown.ts';
import { errorOfRecord } from '../thrown-record.ts';
import { ProcessorFile } from './processor-file.ts';
import { sandboxCodePath } from './sandbox-code.ts';
import { ProcessorFileError, ProcessorThreadError } from './sandbox-errors.ts';
import { SandboxPool } from './sandbox-pool.ts';
import { Run } from './sandbox-run.ts';
import type { FileFailure, SandboxOutcome, SandboxTask } from './sandbox-task.ts';

export interface SandboxOptions {
  /** Maximum number of jobs that the worker runs at the same time. */
  readonly concurrency: number;
  /** Maximum number of threads; as many as `concurrency`, up to {@link THREADS_DEFAULT_MAX}. */
  readonly threads?: number | undefined;
  /** How long close() waits for threads that do not end, in milliseconds; five seconds by default. */
  readonly closeWithinMs?: number;
  /** Receives errors of no running job: a missing file at the start, a thread that ended between its jobs, one that does not end. */
  readonly onError: (error: Error) => void;
}

const THREADS_DEFAULT_MAX = 32;
/** For threads that do not end: those in a system call or in native code. */
const CLOSE_WITHIN_DEFAULT_MS = 5_000;

/**
 * Runs a processor file in a pool of threads, outside the event loop that extends the leases. Each job has a thread of its own while it
 * runs. When the job's signal is aborted, its thread is ended; the other threads continue. Threads start with their first job and live,
 * with the file's timers and connections, until close(). An event that ends a thread fails its job, except that V8 aborts the process
 * if a loop fills the thread's memory faster than Node.js can end the thread.
 */
export class Sandbox<Data, Result> {
  /** Maximum number of jobs at the same time. */
  readonly threads: number;
  readonly #file: ProcessorFile;
  readonly #pool: SandboxPool;
  readonly #closeWithinMs: number;
  readonly #onError: (error: Error) => void;
  /** The file's URL, once the file was found. */
  #located: string | undefined;
  readonly #runs = new Map<number, Run>();
  #nextRun = 1;
  #isClosed = false;

  /**
   * A file that does not exist is reported, and fails its jobs.
   * @throws {ProcessorFileError} for a URL that names no file of this machine.
   * @throws {SandboxCodeMissingError} in a bundle.
   */
  constructor(file: string | URL, options: SandboxOptions) {
    this.threads = Math.min(options.concurrency, options.threads ?? THREADS_DEFAULT_MAX);
    this.#closeWithinMs = options.closeWithinMs ?? CLOSE_WITHIN_DEFAULT_MS;
    this.#onError = options.onError;
    this.#file = new ProcessorFile(file);
    this.#pool = new SandboxPool({
      code: sandboxCodePath(),
      threads: this.threads,
      onThreadError: (error, waiting) => this.#onThreadError(error, waiting),
      onFileFailure: (failure) => this.#onFileFailure(failure),
    });
    try {
      this.#locate();
    } catch (error) {
      // Listeners are attached after the worker's constructor.
      queueMicrotask(() => this.#onError(error as ProcessorFileError));
    }
  }

  /**
   * @returns the processor's result, decoded from JSON or bytes.
   * @throws the processor's error, as an error of the same name, message, stack and `code`.
   * @throws {ProcessorFileError} if the file is missing, cannot be imported or exports no function.
   * @throws {ProcessorThreadError} if the thread ended first: process.exit(), an uncaught exception, no memory.
   */
  async run(job: Job<Data, Result>, signal: AbortSignal): Promise<Result> {
    signal.throwIfAborted();
    if (this.#isClosed) throw new ClientClosedError();
    invariant(this.#runs.size < this.threads, () => `job ${job.id} begun while all ${this.threads} threads are busy`);
    const { id, queueName, name, data, opts, attemptsMade, stalledCounter, timestamp, processedOn, token, repeatJobKey, scheduledFor } =
      job;
    const attemptsMax = opts.attempts ?? 1;
    const file = this.#locate();
    const run = new Run();
    const number = this.#nextRun;
    const task = {
      run: number,
      file,
      job: {
        ...{ id, queueName, name, data, attemptsMade, attemptsMax, stalledCounter, timestamp, processedOn, token },
        ...{ repeatJobKey, scheduledFor },
      },
    };
    this.#nextRun += 1;
    this.#runs.set(number, run);
    signal.addEventListener('abort', run.abort, { once: true });
    try {
      const outcome = await this.#outcomeOf(task, run, signal);
      // The only cast: the queue's type parameter defines the result of the file.
      if (outcome.ok) return decodeValue(outcome.value) as Result;
      throw errorOfRecord(outcome.thrown);
    } finally {
      signal.removeEventListener('abort', run.abort);
      this.#runs.delete(number);
    }
  }

  /** Ends the threads and their jobs. Resolves when they have ended, at the latest after `closeWithinMs`. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ended = this.#pool.close().then(() => true);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), this.#closeWithinMs);
    });
    if (!(await Promise.race([ended, timeout])))
      this.#onError(
        new ProcessorThreadError(
          this.#file.path,
          `did not end within ${this.#closeWithinMs} ms`,
          'Do not block it in native code or execSync().',
        ),
      );
    clearTimeout(timer);
  }

  /** @throws {ProcessorFileError} */
  #locate(): string {
    this.#located ??= this.#file.locate();
    return this.#located;
  }

  async #outcomeOf(task: SandboxTask, run: Run, signal: AbortSignal): Promise<SandboxOutcome> {
    let outcome: SandboxOutcome | null | undefined;
    let cause: unknown = null;
    try {
      outcome = await this.#pool.run(task, run);
    } catch (error) {
      cause = error;
    }
    if (outcome !== null && outcome !== undefined) return outcome;
    signal.throwIfAborted();
    if (run.failure !== undefined) throw run.failure;
    // Also here: piscina completes a task with null if its thread ended by `throw null`.
    const remedy = 'Do not call process.exit() in a processor, await its promises, and handle the errors of its timers and connections.';
    throw new ProcessorThreadError(this.#file.path, `ended while the job ran: ${describeThrown(cause)}`, remedy, { cause });
  }

  #onFileFailure({ run, thrown }: FileFailure): void {
    const waiting = this.#runs.get(run);
    if (waiting === undefined) return;
    const { path } = this.#file;
    if (thrown === undefined) {
      waiting.failure = new ProcessorFileError(path, 'exports no function', 'Export a function named "process", or a default function.');
      return;
    }
    const cause = errorOfRecord(thrown);
    waiting.failure = new ProcessorFileError(path, `cannot be imported: ${cause}`, 'Correct the file and what it imports.', { cause });
  }

  /** A thread without a job ended: it failed between two jobs, or while it started. */
  #onThreadError(cause: unknown, waiting: number): void {
    // The jobs without a starting thread: piscina would make them wait for the next job's thread.
    const left = [...this.#runs.values()].filter((run) => !run.hasThread).slice(0, waiting);
    const reason = describeThrown(cause);
    const { path } = this.#file;
    if (left.length === 0) {
      const remedy = 'Handle the errors of its timers and connections. The next job starts a new thread.';
      this.#onError(new ProcessorThreadError(path, `ended between two jobs: ${reason}`, remedy, { cause }));
    }
    for (const run of left) {
      const remedy = 'In a bundle, mark "jobraft" and "piscina" as external.';
      run.failure = new ProcessorThreadError(path, `could not be started: ${reason}`, remedy, { cause });
      run.abort();
    }
  }
}
