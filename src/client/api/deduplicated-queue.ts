import { checkOptions } from '../option-check.ts';
import { DEDUPLICATION_ID } from './deduplication-options.ts';
import type { QueueCommands } from './job-commands.ts';
import { PacedQueue } from './paced-queue.ts';
import { type ReadOptions, readConsistency } from './read-options.ts';

/** What a Queue has for adds with the option `deduplication`. */
export abstract class DeduplicatedQueue extends PacedQueue {
  readonly #commands: QueueCommands;

  protected constructor(name: string, commands: QueueCommands) {
    super(name, commands);
    this.#commands = commands;
  }

  /**
   * The id of the job of which adds with this deduplication id are duplicates; with a `ttl` it may have ended, and be gone.
   * @returns null if there is none. By a linearizable read, unless another consistency is given.
   * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError}
   */
  async getDeduplicationJobId(id: string, options?: ReadOptions): Promise<string | null> {
    checkOptions(DEDUPLICATION_ID, id, ['id']);
    return (await this.#commands.deduplicationJob(id, readConsistency(options))) ?? null;
  }

  /**
   * The next add with this deduplication id is not a duplicate. Jobs stay, and so does an add that is kept until an active job ends.
   * @returns the number of ids that were set free: 1, or 0 if there was no job.
   * @throws {InvalidOptionError} nothing was sent. @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async removeDeduplicationKey(id: string): Promise<number> {
    checkOptions(DEDUPLICATION_ID, id, ['id']);
    return (await this.#commands.removeDeduplication(0, id)) ? 1 : 0;
  }
}
