import { CONCURRENCY_MAX } from '../../protocol/limits.ts';
import { checkOptions, integerIn } from '../option-check.ts';
import { unexpectedResult } from '../result-errors.ts';
import type { QueueCommands } from './job-commands.ts';
import { type ReadOptions, readConsistency } from './read-options.ts';

const CONCURRENCY = integerIn(1, CONCURRENCY_MAX);
/** In place of a limit, at the cluster. */
const NO_LIMIT = 0;

/** How many jobs of a queue its workers get: pauses and limits, which hold for the workers of all processes, also after a restart. */
export abstract class PacedQueue {
  readonly name: string;
  readonly #commands: QueueCommands;

  protected constructor(name: string, commands: QueueCommands) {
    this.name = name;
    this.#commands = commands;
  }

  /**
   * Workers of all processes get no more jobs of this queue until {@link resume}, also after a restart; jobs that they have go on. Jobs can
   * be added, and count as waiting.
   * @throws {DeadlineError | NoLeaderError | ClientClosedError}
   */
  async pause(): Promise<void> {
    await this.#commands.command((encoder) => encoder.command('pause', { queue: this.name, isPaused: true }));
  }

  /** Ends {@link pause}. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
  async resume(): Promise<void> {
    await this.#commands.command((encoder) => encoder.command('pause', { queue: this.name, isPaused: false }));
  }

  /** By a linearizable read, unless another consistency is given. @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError} */
  async isPaused(options?: ReadOptions): Promise<boolean> {
    const result = await this.#commands.query(readConsistency(options), (encoder) => encoder.command('isPaused', { queue: this.name }));
    if (result.ok && result.type === 'paused') return result.isPaused;
    throw unexpectedResult(result);
  }

  /**
   * From now on workers of all processes get a job only while fewer than `concurrency` jobs of this queue are active. All jobs that a worker
   * has count, so that under a limit a worker claims none ahead. Jobs that are active go on. A worker with `maxStalledCount: 0` gets
   * one job at a time.
   * @param concurrency from 1 on.
   * @throws {InvalidOptionError} nothing was sent. @throws {DeadlineError | NoLeaderError | ClientClosedError | RequestRejectedError}
   */
  async setGlobalConcurrency(concurrency: number): Promise<void> {
    checkOptions(CONCURRENCY, concurrency, ['concurrency']);
    await this.#setConcurrency(concurrency);
  }

  /** Ends {@link setGlobalConcurrency}. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
  async removeGlobalConcurrency(): Promise<void> {
    await this.#setConcurrency(NO_LIMIT);
  }

  /**
   * By a linearizable read, unless another consistency is given. @returns null if there is no limit.
   * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError}
   */
  async getGlobalConcurrency(options?: ReadOptions): Promise<number | null> {
    const concurrencyMax = await this.#commands.concurrency(readConsistency(options));
    return concurrencyMax === NO_LIMIT ? null : concurrencyMax;
  }

  /** Whether as many jobs are active as {@link setGlobalConcurrency} allows. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
  async isMaxed(): Promise<boolean> {
    const [limit, { active }] = await Promise.all([this.getGlobalConcurrency(), this.#commands.counts('linearizable')]);
    return limit !== null && active >= limit;
  }

  async #setConcurrency(concurrencyMax: number): Promise<void> {
    await this.#commands.command((encoder) => encoder.command('setConcurrency', { queue: this.name, concurrencyMax }));
  }
}
