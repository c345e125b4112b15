import { EventEmitter, errorMonitor } from 'node:events';
import { WORKER_MISSING } from '../api/bullmq-names.ts';
import type { Job, JobHolder } from '../api/job.ts';
import type { JobProgress } from '../api/job-changes.ts';
import { NotSupportedError, UnknownEventError } from '../api/not-supported.ts';
import type { LeaseLostError } from '../errors.ts';
import { callListeners, warnOfThrown } from '../listeners.ts';
import { toError } from '../thrown.ts';
import type { LeasedJob } from './leased-job.ts';

/**
 * The worker's events and the arguments of their listeners. A listener that throws, or returns a promise that rejects, affects
 * neither the worker nor the other listeners: its error is emitted as 'error', or as a process warning if there is no listener.
 */
export interface WorkerEvents<Data, Result> {
  /** The processor begins. */
  active: [job: Job<Data, Result>];
  /** What `job.updateProgress()` of a job of this worker set is committed. */
  progress: [job: Job<Data, Result>, progress: JobProgress];
  /** The completion is committed. */
  completed: [job: Job<Data, Result>, result: Result];
  /**
   * The failure is committed: the job will be tried again, or is a dead letter. Also emitted, with a {@link JobStalledError} and after
   * 'stalled', if the cluster failed the job because this worker lost its lease once too often.
   */
  failed: [job: Job<Data, Result>, error: Error];
  /** The lease was lost: another worker may hold the job, and this worker's result no longer counts. */
  stalled: [job: Job<Data, Result>, error: LeaseLostError];
  /**
   * The worker got jobs, and no job is left waiting in the queue that it could get: delayed ones may be left, and those of a queue that is paused
   * or at one of its limits. Jobs may still run.
   */
  drained: [];
  /** A call to the cluster failed, or a listener threw; the worker goes on. It stops if the client or its cluster was closed. */
  error: [error: Error];
  /** It claims no more; unless `pause(true)` was called, its running jobs have ended. */
  paused: [];
  resumed: [];
  closed: [];
}

const EVENTS: Readonly<Record<keyof WorkerEvents<unknown, unknown>, true>> = {
  active: true,
  progress: true,
  completed: true,
  failed: true,
  stalled: true,
  drained: true,
  error: true,
  paused: true,
  resumed: true,
  closed: true,
};
/** Emitted by Node.js's EventEmitter itself. */
const EMITTER_EVENTS: readonly string[] = ['newListener', 'removeListener'];

type EventName = keyof WorkerEvents<unknown, unknown>;
type Listener<Data, Result, Name extends EventName> = (...args: WorkerEvents<Data, Result>[Name]) => unknown;

/** An emitter of a worker's events, and no others: a listener of an event that is never emitted would wait in vain. */
export class WorkerEmitter<Data, Result> extends EventEmitter<WorkerEvents<Data, Result>> {
  /** @throws {NotSupportedError} for an event of BullMQ. @throws {UnknownEventError} */
  override on<Name extends EventName>(event: Name, listener: Listener<Data, Result, Name>): this {
    checkEvent(event);
    return super.on(event, listener as never);
  }

  /** @throws {NotSupportedError | UnknownEventError} as {@link on} */
  override once<Name extends EventName>(event: Name, listener: Listener<Data, Result, Name>): this {
    checkEvent(event);
    return super.once(event, listener as never);
  }

  /** @throws {NotSupportedError | UnknownEventError} as {@link on} */
  override off<Name extends EventName>(event: Name, listener: Listener<Data, Result, Name>): this {
    checkEvent(event);
    return super.off(event, listener as never);
  }

  /** @throws {NotSupportedError | UnknownEventError} as {@link on} */
  override addListener<Name extends EventName>(event: Name, listener: Listener<Data, Result, Name>): this {
    checkEvent(event);
    return super.addListener(event, listener as never);
  }

  /** @throws {NotSupportedError | UnknownEventError} as {@link on} */
  override removeListener<Name extends EventName>(event: Name, listener: Listener<Data, Result, Name>): this {
    checkEvent(event);
    return super.removeListener(event, listener as never);
  }

  /** @throws {NotSupportedError | UnknownEventError} as {@link on} */
  override prependListener<Name extends EventName>(event: Name, listener: Listener<Data, Result, Name>): this {
    checkEvent(event);
    return super.prependListener(event, listener as never);
  }

  /** @throws {NotSupportedError | UnknownEventError} as {@link on} */
  override prependOnceListener<Name extends EventName>(event: Name, listener: Listener<Data, Result, Name>): this {
    checkEvent(event);
    return super.prependOnceListener(event, listener as never);
  }

  /** @internal of the jobs that the worker holds. */
  protected jobHolder(running: Iterable<LeasedJob<Data, Result>>): JobHolder {
    return {
      // The only casts: the jobs are of the worker's types.
      onProgress: (job, progress) => this.emitToListeners('progress', job as Job<Data, Result>, progress),
      onEnded: (job, ending) => {
        for (const held of running) {
          if (held.job !== job) continue;
          held.isEnded = true;
          held.ending = ending;
        }
      },
    };
  }

  /**
   * @internal a transaction of its processor ended the job, and the processor has ended, too.
   * @param thrown what the processor threw nevertheless. @returns the job.
   */
  protected onEndedByTransaction(held: LeasedJob<Data, Result>, wallMs: number, thrown: Error | undefined): LeasedJob<Data, Result> {
    const { ending } = held;
    if (ending?.type === 'completed') {
      const result = ending.result as Result;
      held.onCompleted(result, wallMs);
      this.emitToListeners('completed', held.job, result);
    } else if (ending?.type === 'failed') {
      held.onFailed(ending.reason, ending.mayRetry, wallMs);
      this.emitToListeners('failed', held.job, ending.error);
    }
    if (thrown !== undefined) this.emitError(thrown);
    return held;
  }

  /** An error without a listener must not end the process: it becomes a warning. */
  protected emitError(error: Error): void {
    if (this.listenerCount('error') > 0) this.emitToListeners('error', error);
    else process.emitWarning(error);
  }

  protected emitToListeners<Name extends EventName>(name: Name, ...args: WorkerEvents<Data, Result>[Name]): void {
    // Checked first, since most events of most jobs have no listener.
    if (name !== 'error' && this.listenerCount(name) === 0) return;
    if (name === 'error') callListeners(this.rawListeners(errorMonitor), this, args, (thrown) => this.#onListenerThrew(name, thrown));
    callListeners(this.rawListeners(name), this, args, (thrown) => this.#onListenerThrew(name, thrown));
  }

  #onListenerThrew(event: EventName, thrown: unknown): void {
    if (event !== 'error' && this.listenerCount('error') > 0) this.emitToListeners('error', toError(thrown));
    else warnOfThrown(event, thrown);
  }
}

/** Symbols such as `errorMonitor` are Node.js's own. */
function checkEvent(event: string | symbol): void {
  if (typeof event !== 'string' || Object.hasOwn(EVENTS, event) || EMITTER_EVENTS.includes(event)) return;
  const remedy = Object.hasOwn(WORKER_MISSING.events, event) ? WORKER_MISSING.events[event] : undefined;
  if (remedy !== undefined) throw new NotSupportedError(`The event '${event}' of a Worker`, remedy);
  throw new UnknownEventError(event, Object.keys(EVENTS));
}
