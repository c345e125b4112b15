import type { HistoryRecorder } from '../history/history.ts';
import { ADD_DEFAULTS, type AddOptions, type SchedulerOptions } from '../protocol/request-encoder.ts';
import { NO_OFFSET } from '../protocol/scheduler.ts';
import type { OperationWriter } from './operation-recorder.ts';
import { payloadOf } from './payloads.ts';
import type { SimAdds } from './sim-adds.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';

const KEYS = ['minutely', 'hourly'] as const;
const REMOVE_SHARE = 0.25;
const PATTERN_SHARE = 0.4;
/** Each has few ticks, so that a run comes to rest. */
const TICKS_MAX = 8;

/** The job schedulers that one client sets and removes, in place of those of the others. */
export class SimSchedulers {
  readonly #client: number;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #history: HistoryRecorder;
  readonly #adds: SimAdds;
  #set = 0;

  constructor(client: number, cluster: SimCluster, random: SimRandom, history: HistoryRecorder, adds: SimAdds) {
    this.#client = client;
    this.#cluster = cluster;
    this.#random = random;
    this.#history = history;
    this.#adds = adds;
  }

  next(encoder: OperationWriter): Step {
    const queue = this.#adds.anyQueue();
    const scheduler = this.#random.of(KEYS);
    if (!this.#random.withProbability(REMOVE_SHARE)) return this.#upsert(encoder, queue, scheduler);
    encoder.command('removeScheduler', { queue, scheduler });
    return stepOf(this.#cluster.coverage, this.#history.invoke('removeScheduler', { queue, scheduler }), () => {
      this.#cluster.coverage.add('job scheduler removed');
      return null;
    });
  }

  #upsert(encoder: OperationWriter, queue: string, scheduler: string): Step {
    this.#set += 1;
    const key = `${this.#client}-s${this.#set}`;
    const times = this.#times(scheduler);
    const options: AddOptions = {
      ...ADD_DEFAULTS,
      ...this.#adds.retention(queue),
      priority: this.#random.below(2),
      attemptsMax: 1 + this.#random.below(3),
    };
    encoder.upsertScheduler(queue, times, payloadOf(key, this.#random.below(50)), options);
    const { pattern, tz, ...recorded } = times;
    const { delayMs, backoff, customId, ...policy } = options;
    const call = { ...recorded, ...policy, key, queue, backoffMs: backoff.delayMs, isBackoffExponential: false };
    return stepOf(this.#cluster.coverage, this.#history.invoke('upsertScheduler', call), () => null);
  }

  #times(scheduler: string): SchedulerOptions {
    const isPattern = this.#random.withProbability(PATTERN_SHARE);
    const everyMs = this.#random.of([60, 200, 900]);
    const startMs = this.#random.withProbability(0.2) ? this.#nowMs + this.#random.below(500) : 0;
    return {
      scheduler,
      everyMs: isPattern ? 0 : everyMs,
      pattern: isPattern ? String(everyMs) : '',
      tz: '',
      offsetMs: !isPattern && this.#random.withProbability(0.3) ? this.#random.below(100) : NO_OFFSET,
      startMs,
      endMs: this.#random.withProbability(0.2) ? this.#nowMs + 500 + this.#random.below(2_000) : 0,
      ticksMax: 1 + this.#random.below(TICKS_MAX),
      isImmediate: startMs === 0 && this.#random.withProbability(0.2),
    };
  }

  /** By the wall clock of some node. */
  get #nowMs(): number {
    const [node] = this.#cluster.nodes.values();
    return Math.floor(node?.wallMs ?? 0);
  }
}
