import {
  childrenValues,
  type DependenciesCount,
  type DependenciesCountOptions,
  type DependenciesOptions,
  dependenciesCount,
  dependenciesOf,
  ignoredFailures,
  type JobDependencies,
} from './job-children.ts';
import type { JobCommands } from './job-commands.ts';
import { type DeduplicatedSource, JobDeduplication } from './job-deduplication.ts';
import { namedAs } from './named-as.ts';

interface JobInFlowSource extends DeduplicatedSource {
  readonly commands: JobCommands;
}

/** What a job has of its children and its parent. A child has the key '<queue>:<id>'. */
export abstract class JobInFlow extends JobDeduplication {
  abstract readonly id: string;
  readonly #number: number;
  readonly #commands: JobCommands;

  /** @internal */
  constructor(source: JobInFlowSource) {
    super(source);
    this.#number = source.id;
    this.#commands = source.commands;
  }

  /**
   * The results of the children that have completed, by their keys, by linearizable reads; read in pages. They stay while this job is there, also
   * when their queues do not keep the children.
   * @throws {JobNotFoundError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async getChildrenValues<Value = unknown>(): Promise<Record<string, Value>> {
    // The only cast: the caller knows what its processors return.
    return (await this.#named(childrenValues(this.#commands, this.#number))) as Record<string, Value>;
  }

  /**
   * Why children failed with `ignoreDependencyOnFailure` or `continueParentOnFailure`, by their keys.
   * @throws {JobNotFoundError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async getIgnoredChildrenFailures(): Promise<Record<string, string>> {
    return await this.#named(ignoredFailures(this.#commands, this.#number));
  }

  /** The earlier name of {@link getIgnoredChildrenFailures}. */
  async getFailedChildrenValues(): Promise<Record<string, string>> {
    return await this.getIgnoredChildrenFailures();
  }

  /**
   * The children by what became of them. Without options all of them; otherwise a page of each kind that is asked for, whose cursor is where
   * the next page begins, or 0 if there is none.
   * @throws {UnknownOptionError | InvalidOptionError | JobNotFoundError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async getDependencies(options?: DependenciesOptions): Promise<JobDependencies> {
    return await this.#named(dependenciesOf(this.#commands, this.#number, options));
  }

  /**
   * How many children there are of each kind.
   * @throws {UnknownOptionError | InvalidOptionError | JobNotFoundError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async getDependenciesCount(options?: DependenciesCountOptions): Promise<DependenciesCount> {
    return await this.#named(dependenciesCount(this.#commands, this.#number, options));
  }

  /**
   * The parent of this job waits for it no longer, and gets no result of it.
   * @returns whether the job had a parent.
   * @throws {JobNotFoundError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async removeChildDependency(): Promise<boolean> {
    return await this.#named(this.#commands.removeDependency(this.#number));
  }

  /**
   * Removes the children that have not ended and that no worker has, with those below them.
   * @throws {JobNotFoundError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async removeUnprocessedChildren(): Promise<void> {
    await this.#named(this.#commands.removeUnprocessed(this.#number));
  }

  async #named<Value>(call: Promise<Value>): Promise<Value> {
    return await namedAs(this.id, call);
  }
}
