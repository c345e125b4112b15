import type { JobCommands } from './job-commands.ts';
import { JobStateChecks } from './job-state-checks.ts';

/** What a job has to know of its deduplication. */
export interface DeduplicatedSource {
  readonly id: number;
  readonly deduplicationId?: string | undefined;
  readonly isDeduplicated?: boolean;
  readonly commands: Pick<JobCommands, 'removeDeduplication'>;
}

/** What a Job has because of the option `deduplication`. */
export abstract class JobDeduplication extends JobStateChecks {
  /** The `id` of the option `deduplication`, if the job was added with it. */
  readonly deduplicationId: string | undefined;
  /** Whether add() added no job, since this is a duplicate: `id` is that of the other job, and `name`, `data` and `opts` are those of the call. */
  readonly isDeduplicated: boolean;
  readonly #number: number;
  readonly #calls: Pick<JobCommands, 'removeDeduplication'>;

  protected constructor(source: DeduplicatedSource) {
    super();
    this.deduplicationId = source.deduplicationId;
    this.isDeduplicated = source.isDeduplicated ?? false;
    this.#number = source.id;
    this.#calls = source.commands;
  }

  /**
   * The next add with this deduplication id is not a duplicate, if this job is the one of which it would be.
   * @returns whether it was.
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async removeDeduplicationKey(): Promise<boolean> {
    if (this.deduplicationId === undefined) return false;
    return await this.#calls.removeDeduplication(this.#number, this.deduplicationId);
  }
}
