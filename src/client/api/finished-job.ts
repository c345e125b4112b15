import type { QueueEvent } from '../../protocol/events.ts';
import { DURATION_MS_MAX, EVENT_DETAIL_BYTES_MAX } from '../../protocol/limits.ts';
import type { JobDetail } from '../../protocol/reply.ts';
import { JobFailedError, JobRemovedError, ResultNotKeptError, WaitTimeoutError } from '../event-errors.ts';
import { checkOptions, durationIn } from '../option-check.ts';
import { decodeValue } from '../payload.ts';
import type { JobCommands } from './job-commands.ts';
import type { QueueEvents } from './queue-events.ts';

const TTL_MS = durationIn(1, DURATION_MS_MAX);
const utf8 = new TextDecoder();

/** A job by its number, and as its user names it. */
interface Awaited {
  readonly id: number;
  readonly shownId: string;
}

/**
 * Waits until a job has finished: by its event, or by the job itself if it has finished before. The events are watched before the job is read,
 * so that no end is between the two.
 * @returns what its processor returned.
 * @throws {JobFailedError | JobRemovedError | ResultNotKeptError | WaitTimeoutError | QueueEventsClosedError}
 */
export async function awaitFinished(job: Awaited, commands: JobCommands, events: QueueEvents, ttlMs: number | undefined): Promise<unknown> {
  if (ttlMs !== undefined) checkOptions(TTL_MS, ttlMs, ['ttl']);
  const wait = new FinishedWait(job, commands, events);
  const timer =
    ttlMs === undefined ? undefined : events.client.clock.setTimer(() => wait.fail(new WaitTimeoutError(job.shownId, ttlMs)), ttlMs);
  const unwatch = events.watchJob(job.id, wait);
  wait.look();
  try {
    return await wait.outcome;
  } finally {
    unwatch();
    timer?.cancel();
  }
}

/** One wait for the end of a job. The first outcome counts. */
class FinishedWait {
  readonly #job: Awaited;
  readonly #commands: JobCommands;
  readonly #events: QueueEvents;
  readonly outcome: Promise<unknown>;
  #resolve: (result: unknown) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  /** Events have reported its end. */
  #isEnded = false;

  constructor(job: Awaited, commands: JobCommands, events: QueueEvents) {
    this.#job = job;
    this.#commands = commands;
    this.#events = events;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.fail = reject;
    });
  }

  onEvent({ name, detail, isCut }: QueueEvent): void {
    const { id, shownId } = this.#job;
    if (name === 'failed') this.#end(() => this.fail(new JobFailedError(shownId, utf8.decode(detail))));
    else if (name === 'removed') this.#end(() => this.fail(new JobRemovedError(shownId, true)));
    else if (name === 'completed' && !isCut) this.#end(() => this.#resolve(decodeValue(detail)));
    else if (name === 'completed') this.#end(() => this.#settleBy(this.#commands.detailOf(id)));
  }

  /** Whatever happened between the lost events is in the job. */
  onLost(): void {
    if (!this.#isEnded) this.look();
  }

  onClosed(error: Error): void {
    this.fail(error);
  }

  /** Reads the job: it may have finished before the events that follow. */
  look(): void {
    this.#look().catch(this.fail);
  }

  async #look(): Promise<void> {
    await this.#events.waitUntilReady();
    const detail = await this.#commands.detailOf(this.#job.id);
    if (detail !== undefined) {
      this.#settle(detail);
      return;
    }
    // It is gone: its end is among the events up to now, if they were recorded by then.
    await this.#events.passLatest();
    if (!this.#isEnded) this.fail(new JobRemovedError(this.#job.shownId, false));
  }

  #end(settle: () => void): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    try {
      settle();
    } catch (error) {
      // A result that no client of this kind encoded.
      this.fail(error as Error);
    }
  }

  /** @param detail of a job that is completed, by its event. */
  #settleBy(detail: Promise<JobDetail | undefined>): void {
    detail.then((job) => {
      if (job?.state === 'completed') this.#settle(job);
      else this.fail(new ResultNotKeptError(this.#job.shownId, EVENT_DETAIL_BYTES_MAX));
    }, this.fail);
  }

  #settle({ state, result, failedReason = '' }: JobDetail): void {
    if (state === 'failed') this.fail(new JobFailedError(this.#job.shownId, failedReason));
    else if (state === 'completed') this.#resolve(result === undefined ? undefined : decodeValue(result));
  }
}
