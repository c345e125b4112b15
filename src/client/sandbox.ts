import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Job } from './job.ts';

/** What a processor in a file is called with: its one argument. */
export interface SandboxJob<Data> {
  readonly id: number;
  readonly queueName: string;
  readonly name: string;
  readonly data: Data;
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  readonly addedAt: number;
  readonly token: number | undefined;
}

const NAMED_EXPORT = 'process';
const MISSING_EXPORT = 'No handler function exported';

/**
 * Runs a processor file in a pool of threads, away from the event loop that keeps the leases. The file exports `process` (or a
 * default) function. When the job's signal is aborted, its thread is ended.
 */
export class Sandbox<Data, Result> {
  readonly #pool: Piscina<SandboxJob<Data>, Result>;
  #exportName = NAMED_EXPORT;

  constructor(file: string | URL, concurrency: number, threads: number | undefined) {
    const filename = file instanceof URL || file.startsWith('file:') ? fileURLToPath(file) : file;
    this.#pool = new Piscina({
      filename,
      minThreads: 0,
      maxThreads: threads ?? Math.min(concurrency, availableParallelism()),
      idleTimeout: 30_000,
    });
  }

  async run(job: Job<Data, Result>, signal: AbortSignal): Promise<Result> {
    const { id, queueName, name, data, attemptsMade, attemptsMax, addedAt, token } = job;
    const task = { id, queueName, name, data, attemptsMade, attemptsMax, addedAt, token };
    try {
      return await this.#call(task, signal);
    } catch (error) {
      throw named(error);
    }
  }

  async #call(task: SandboxJob<Data>, signal: AbortSignal): Promise<Result> {
    const name = this.#exportName;
    try {
      return await this.#pool.run(task, { signal, name });
    } catch (error) {
      if (name !== NAMED_EXPORT || !(error instanceof Error) || !error.message.startsWith(MISSING_EXPORT)) throw error;
      this.#exportName = 'default';
      return await this.#pool.run(task, { signal, name: 'default' });
    }
  }

  /** Ends the threads; whatever still runs in them is broken off. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** An error leaves its class behind when it crosses to another thread; the first line of its stack still names it. */
function named(error: unknown): unknown {
  if (error instanceof Error && error.name === 'Error') {
    const name = /^(?:Uncaught )?([A-Za-z_$][\w$]*):? /.exec(error.stack ?? '')?.[1];
    if (name !== undefined) error.name = name;
  }
  return error;
}
