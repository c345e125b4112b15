import type { LeaderSupply } from '../../node/request-policy.ts';
import { NO_CLIENT, RequestEncoder } from '../../protocol/request-encoder.ts';
import { NO_TICK } from '../../protocol/scheduler.ts';
import type { JobQueue } from '../job-queue.ts';
import type { PendingTick } from '../scheduler-table.ts';
import type { PatternTimes } from './pattern-times.ts';

/** Most times that are computed in one turn: each takes some 0.1 ms. */
const PER_TURN_MAX = 50;
/** After this time a computed one is sent again: its entry may have been lost with a leadership. */
const REPEAT_MS = 1_000;
/** After this time one that could not be computed is tried again. */
const RETRY_FAULT_MS = 60_000;

/** In place of a number of schedulers. */
const NOT_ALL = -1;

interface Asked {
  readonly afterMs: number;
  readonly againMs: number;
}

/**
 * The next ticks of the job schedulers with a pattern. The leader computes them and puts them into the log: the rules of a time zone may
 * differ between the releases of Node.js that the replicas run on. One that cannot be computed delays no other.
 */
export class PatternTicks implements LeaderSupply {
  readonly #machine: Pick<JobQueue, 'schedulers'>;
  readonly #times: PatternTimes;
  readonly #encoder = new RequestEncoder(1_024);
  /** By number: the time after which a tick was computed, and when it is computed again. */
  #asked = new Map<number, Asked>();
  #nextAgainMs = Number.POSITIVE_INFINITY;
  /** How many schedulers had begun to wait when none was left to compute. */
  #seen = NOT_ALL;
  #fault: string | undefined;

  constructor(machine: Pick<JobQueue, 'schedulers'>, times: PatternTimes) {
    this.#machine = machine;
    this.#times = times;
  }

  isDue(nowMs: number): boolean {
    return this.#seen !== this.#machine.schedulers.waitsBegun || nowMs >= this.#nextAgainMs;
  }

  take(nowMs: number): readonly Uint8Array[] {
    if (!this.isDue(nowMs)) return [];
    const { schedulers } = this.#machine;
    this.#encoder.begin(NO_CLIENT, 1, 1);
    const passed = new Map<number, Asked>();
    let nextAgainMs = Number.POSITIVE_INFINITY;
    let computed = 0;
    let isComplete = true;
    for (const pending of schedulers.toAdvance()) {
      const { number, afterMs } = pending;
      let asked = this.#asked.get(number);
      if (asked === undefined || asked.afterMs !== afterMs || asked.againMs <= nowMs) {
        isComplete = computed < PER_TURN_MAX;
        if (!isComplete) break;
        computed += 1;
        asked = { afterMs, againMs: nowMs + (this.#advance(pending) ? REPEAT_MS : RETRY_FAULT_MS) };
        this.#asked.set(number, asked);
      }
      passed.set(number, asked);
      nextAgainMs = Math.min(nextAgainMs, asked.againMs);
    }
    // The others no longer wait.
    if (isComplete) this.#asked = passed;
    this.#nextAgainMs = nextAgainMs;
    this.#seen = isComplete ? schedulers.waitsBegun : NOT_ALL;
    return this.#encoder.operations === 0 ? [] : [this.#encoder.finish()];
  }

  takeFault(): string | undefined {
    const fault = this.#fault;
    this.#fault = undefined;
    return fault;
  }

  /** @returns whether the next tick could be computed. */
  #advance({ number, what, pattern, tz, afterMs }: PendingTick): boolean {
    try {
      const nextMs = this.#times.next(pattern, tz, afterMs) ?? NO_TICK;
      this.#encoder.command('advanceScheduler', { schedulerNumber: number, afterMs, nextMs });
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#fault ??= `job scheduler ${what} has no next tick of "${pattern}"${tz === '' ? '' : ` in ${tz}`}: ${reason}`;
      return false;
    }
  }
}
