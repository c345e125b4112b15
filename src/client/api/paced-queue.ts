import { CONCURRENCY_MAX, DURATION_MS_MAX, RATE_MAX } from '../../protocol/limits.ts';
import { checkOptions, durationIn, integerIn } from '../option-check.ts';
import { unexpectedResult } from '../result-errors.ts';
import type { QueueCommands } from './job-commands.ts';
import { type ReadOptions, readConsistency } from './read-options.ts';

const CONCURRENCY = integerIn(1, CONCURRENCY_MAX);
const RATE = integerIn(1, RATE_MAX);
const DURATION = durationIn(1, DURATION_MS_MAX);
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

  /**
   * From now on workers of all processes together get at most `max` jobs of this queue within `duration`, from the first of them on; then
   * the next one begins such a time. A job counts each time a worker gets it. The time runs on the cluster's own clock: an election or a leader that is
   * stopped makes it longer, and nothing makes it shorter. A time that runs gets the new limit, and ends within the new duration.
   * @param max from 1 on.
   * @param duration in milliseconds, from 1 on.
   * @throws {InvalidOptionError} nothing was sent. @throws {DeadlineError | NoLeaderError | ClientClosedError | RequestRejectedError}
   */
  async setGlobalRateLimit(max: number, duration: number): Promise<void> {
    checkOptions(RATE, max, ['max']);
    checkOptions(DURATION, duration, ['duration']);
    await this.#setRateLimit(max, duration);
  }

  /** Ends {@link setGlobalRateLimit} at once. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
  async removeGlobalRateLimit(): Promise<void> {
    await this.#setRateLimit(NO_LIMIT, 1);
  }

  /**
   * By a linearizable read, unless another consistency is given. @returns null if there is no limit.
   * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError}
   */
  async getGlobalRateLimit(options?: ReadOptions): Promise<{ readonly max: number; readonly duration: number } | null> {
    const rate = await this.#commands.rateLimit(readConsistency(options));
    return rate === undefined ? null : { max: rate.max, duration: rate.durationMs };
  }

  /**
   * For how many milliseconds workers get no job because of a rate. It writes an entry to the log, which has the cluster's time.
   * @param maxJobs as if the limit were this number of jobs. Default: the limit that there is.
   * @returns 0 if they may get one.
   * @throws {InvalidOptionError | DeadlineError | NoLeaderError | ClientClosedError | RequestRejectedError}
   */
  async getRateLimitTtl(maxJobs?: number): Promise<number> {
    if (maxJobs !== undefined) checkOptions(RATE, maxJobs, ['maxJobs']);
    return await this.#commands.rateLimitTtl(maxJobs ?? 0);
  }

  /**
   * Workers of all processes get no job of this queue for this time, with or without a limit; jobs that they have go on. It replaces the
   * time of an earlier call, and one that runs under a limit.
   * @param expireTimeMs from 1 on.
   * @throws {InvalidOptionError} nothing was sent. @throws {DeadlineError | NoLeaderError | ClientClosedError | RequestRejectedError}
   */
  async rateLimit(expireTimeMs: number): Promise<void> {
    checkOptions(DURATION, expireTimeMs, ['expireTimeMs']);
    await this.#hold(expireTimeMs);
  }

  /** Ends the time of {@link rateLimit}, and one that runs under a limit: the next job begins another. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
  async removeRateLimitKey(): Promise<void> {
    await this.#hold(0);
  }

  async #setRateLimit(rateMax: number, rateMs: number): Promise<void> {
    await this.#commands.command((encoder) => encoder.command('setRateLimit', { queue: this.name, rateMax, rateMs }));
  }

  async #hold(holdMs: number): Promise<void> {
    await this.#commands.command((encoder) => encoder.command('holdClaims', { queue: this.name, holdMs }));
  }

  async #setConcurrency(concurrencyMax: number): Promise<void> {
    await this.#commands.command((encoder) => encoder.command('setConcurrency', { queue: this.name, concurrencyMax }));
  }
}
