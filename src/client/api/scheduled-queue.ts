import type { AddOptions } from '../../protocol/request-encoder.ts';
import { DeduplicatedQueue } from './deduplicated-queue.ts';
import type { QueueCommands } from './job-commands.ts';
import {
  countSchedulers,
  findScheduler,
  type JobSchedulerJson,
  type JobSchedulerTemplate,
  listSchedulers,
  type RepeatOptions,
  removeScheduler,
  upsertScheduler,
} from './job-schedulers.ts';

/** The job schedulers of a Queue: they add jobs at their times, by the cluster's clock, also while no client is connected. */
export abstract class ScheduledQueue<Data> extends DeduplicatedQueue {
  readonly #commands: QueueCommands;
  readonly #defaults: AddOptions;

  /** @internal */
  constructor(name: string, commands: QueueCommands, defaults: AddOptions) {
    super(name, commands);
    this.#commands = commands;
    this.#defaults = defaults;
  }

  /**
   * Sets a job scheduler, in place of the one of this id. Each of its ticks adds one job, also after a failover; of the ticks that were missed
   * while the cluster did not run, one job is added. A scheduler that is set again with the same `every`, or the same pattern and time zone,
   * keeps its next time: a program can set it whenever it starts.
   *
   * Where BullMQ adds the next job when the current one starts, and returns it, the cluster adds each job when it is due. Jobs that no
   * worker takes accumulate, also in a paused queue.
   * @param jobSchedulerId 1 to 255 bytes, unique in the queue.
   * @throws {InvalidPatternError | SchedulerLimitError} nothing was set
   * @throws {UnknownOptionError | InvalidOptionError | InvalidPayloadError | PayloadTooLargeError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | ClusterVersionError | OverloadedError | ClientClosedError} see the error's `outcome`; it is safe to repeat
   */
  async upsertJobScheduler(jobSchedulerId: string, repeatOpts: RepeatOptions, jobTemplate: JobSchedulerTemplate<Data> = {}): Promise<void> {
    await upsertScheduler(this.#commands, jobSchedulerId, repeatOpts, jobTemplate, this.#defaults);
  }

  /** By a linearizable read. @returns undefined if the queue has none with this id. @throws {InvalidOptionError | DeadlineError | NoLeaderError} */
  async getJobScheduler(id: string): Promise<JobSchedulerJson<Data> | undefined> {
    return await findScheduler(this.#commands, id);
  }

  /**
   * The job schedulers from position `start` to `end`, in the order of their next jobs if `asc` is set, otherwise backwards. No snapshot: those
   * that are removed meanwhile are left out.
   * @throws {InvalidOptionError | DeadlineError | NoLeaderError}
   */
  async getJobSchedulers(start = 0, end = -1, asc = false): Promise<JobSchedulerJson<Data>[]> {
    return await listSchedulers(this.#commands, start, end, asc);
  }

  /** @throws {DeadlineError | NoLeaderError} */
  async getJobSchedulersCount(): Promise<number> {
    return await countSchedulers(this.#commands);
  }

  /**
   * Its jobs stay.
   * @returns whether the queue had one with this id.
   * @throws {InvalidOptionError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async removeJobScheduler(jobSchedulerId: string): Promise<boolean> {
    return await removeScheduler(this.#commands, jobSchedulerId);
  }
}
