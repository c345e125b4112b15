import { Sandbox } from '../sandbox/sandbox.ts';
import type { Processor } from './processor.ts';
import { checkProcessor, type WorkerConfig, type WorkerOptions, workerConfig } from './worker-options.ts';

/** What runs the jobs of a worker. */
export interface OpenProcessor<Data, Result> {
  readonly config: WorkerConfig;
  readonly run: Processor<Data, Result>;
  /** The threads, if the processor is in a file. */
  readonly sandbox: Sandbox<Data, Result> | undefined;
}

/** @throws {UnknownOptionError | InvalidOptionError | ProcessorFileError | SandboxCodeMissingError} */
export function openProcessor<Data, Result>(
  processor: Processor<Data, Result> | string | URL,
  options: WorkerOptions,
  onError: (error: Error) => void,
): OpenProcessor<Data, Result> {
  checkProcessor(processor);
  const config = workerConfig(options);
  if (typeof processor === 'function') return { config, run: processor, sandbox: undefined };
  const sandbox = new Sandbox<Data, Result>(processor, { concurrency: config.concurrency, threads: options.threads, onError });
  return {
    // A job without a thread has not begun.
    config: { ...config, concurrency: sandbox.threads, threadsMax: sandbox.threads },
    run: (job, _token, signal) => sandbox.run(job, signal),
    sandbox,
  };
}
