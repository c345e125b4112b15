import { createRequire } from 'node:module';
import type { Piscina, queueOptionsSymbol } from 'piscina';
import { describeThrown } from '../thrown.ts';
import { SandboxCodeMissingError } from './sandbox-errors.ts';
import { Run } from './sandbox-run.ts';
import { type FileFailure, isFileFailure, type SandboxOutcome, type SandboxTask } from './sandbox-task.ts';

export interface SandboxPoolOptions {
  /** The path of the threads' code. */
  readonly code: string;
  /** Maximum number of threads. */
  readonly threads: number;
  /** A thread without a job ended. @param waiting number of jobs that wait for a thread. */
  readonly onThreadError: (error: unknown, waiting: number) => void;
  readonly onFileFailure: (failure: FileFailure) => void;
}

type PiscinaModule = typeof import('piscina');
type PoolOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>;

const YOUNG_GENERATION_MB_MAX = 24;

/**
 * Only a processor in a file needs the package: it is CommonJS, which an ES module bundle cannot load. With import() a bundle
 * would have several files, which not every bundler setting allows.
 * @param base the URL of this module, or of its bundle.
 * @throws {SandboxCodeMissingError}
 */
export function loadPiscina(base: string = import.meta.url): PiscinaModule {
  try {
    // The only cast: the package's own types define its exports.
    return createRequire(base)('piscina') as PiscinaModule;
  } catch (cause) {
    throw new SandboxCodeMissingError(`the package "piscina", which starts them, cannot be loaded: ${describeThrown(cause)}`, { cause });
  }
}

/** The task for the pool. Structured clone omits properties with a symbol as name. */
interface PooledTask extends SandboxTask {
  readonly [queueOptionsSymbol]: Run;
}

/** The threads of a sandbox. */
export class SandboxPool {
  readonly #pool: Piscina<PooledTask, SandboxOutcome | null | undefined>;
  readonly #taskKey: PiscinaModule['queueOptionsSymbol'];
  /** The exits of threads that are being ended. */
  readonly #exits = new Set<Promise<unknown>>();

  /** @throws {SandboxCodeMissingError} where piscina cannot be loaded. */
  constructor({ code, threads, onThreadError, onFileFailure }: SandboxPoolOptions) {
    const piscina = loadPiscina();
    this.#taskKey = piscina.queueOptionsSymbol;
    this.#pool = new piscina.Piscina(poolOptions(code, threads, this.#taskKey));
    this.#pool.on('error', (error: unknown) => onThreadError(error, this.#pool.queueSize));
    this.#pool.on('message', (message: unknown) => {
      if (isFileFailure(message)) onFileFailure(message);
    });
    this.#pool.on('workerDestroy', ({ id }: { readonly id: number }) => this.#onThreadEnding(id));
  }

  /** @returns nothing if the thread ended by `throw null`: piscina then completes the task with null. */
  async run(task: SandboxTask, run: Run): Promise<SandboxOutcome | null | undefined> {
    return await this.#pool.run({ ...task, [this.#taskKey]: run }, { signal: run.signal });
  }

  /** Ends all threads. Resolves when they have ended. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), ...this.#exits]);
  }

  #onThreadEnding(threadId: number): void {
    // Not found: it has already ended.
    const thread = threadId < 0 ? undefined : this.#pool.threads.find((candidate) => candidate.threadId === threadId);
    if (thread === undefined) return;
    const exit = new Promise<void>((resolve) => {
      thread.once('exit', () => {
        this.#exits.delete(exit);
        resolve();
      });
    });
    this.#exits.add(exit);
  }
}

function poolOptions(code: string, threads: number, taskKey: PiscinaModule['queueOptionsSymbol']): PoolOptions {
  return {
    filename: code,
    name: 'runTask',
    minThreads: 0,
    maxThreads: threads,
    maxQueue: threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    // Otherwise an idle thread is stopped in Atomics.wait(), including the file's timers and connections. Measured: an empty job
    // takes 30 instead of 17 µs.
    atomics: 'disabled',
    // Node.js ends a thread that is out of memory only after another 16 MiB. A young generation of 48 MiB can be promoted at once, which
    // aborts the whole process.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB_MAX },
    recordTiming: false,
    loadBalancer: (task, workers) => {
      const idle = workers.find((worker) => worker.currentUsage === 0);
      const run = task[taskKey];
      if (idle !== undefined && run instanceof Run) run.hasThread = true;
      return idle ?? null;
    },
  };
}
