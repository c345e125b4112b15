import type { AddOptions } from '../../protocol/request-encoder.ts';
import type { QueueCommands } from './job-commands.ts';
import { parseJobId } from './job-id.ts';
import { checkedLogRow, type JobLogRows, keptRowsOf, readLogs } from './job-logs.ts';
import { ScheduledQueue } from './scheduled-queue.ts';

/** The logs of the jobs of a Queue. */
export abstract class LoggedQueue<Data> extends ScheduledQueue<Data> {
  readonly #commands: QueueCommands;
  readonly #defaults: AddOptions;

  /** @internal */
  constructor(name: string, commands: QueueCommands, defaults: AddOptions) {
    super(name, commands, defaults);
    this.#commands = commands;
    this.#defaults = defaults;
  }

  /** @internal what a transaction needs of a queue. */
  static partsOf(queue: unknown): { readonly commands: QueueCommands; readonly defaults: AddOptions } | undefined {
    if (typeof queue !== 'object' || queue === null || !(#commands in queue)) return undefined;
    return { commands: queue.#commands, defaults: queue.#defaults };
  }

  /**
   * As `job.log()` of a job from `getJob()`, with its errors.
   * @param id as add() returned it, or the option `jobId`.
   * @param keepLogs how many rows the job keeps, the newest. Default: its option `keepLogs`.
   * @returns how many rows it has.
   */
  async addJobLog(id: string, row: string, keepLogs?: number): Promise<number> {
    const checked = checkedLogRow(row);
    const kept = keptRowsOf(keepLogs);
    return await this.#commands.addLog(await this.#commands.numberOf(parseJobId(id)), 0, checked, kept);
  }

  /**
   * The rows of the log of a job from position `start` to `end`, as BullMQ counts them: -1 is the last one. By linearizable reads; rows that
   * are dropped meanwhile may be left out.
   * @param asc the oldest row is first; otherwise the newest.
   * @returns no rows for a job that does not exist.
   * @throws {InvalidOptionError | DeadlineError | NoLeaderError}
   */
  async getJobLogs(id: string, start = 0, end = -1, asc = true): Promise<JobLogRows> {
    return await readLogs(this.#commands, parseJobId(id), start, end, asc);
  }
}
