import type { Calls } from '../history/functions.ts';
import type { HistoryRecorder, OpenCall } from '../history/history.ts';
import type { Deduplication } from '../protocol/deduplication.ts';
import { DEDUPLICATION_VERSION } from '../protocol/machine-version.ts';
import type { OperationWriter } from './operation-recorder.ts';
import type { QueueRecords } from './queue-records.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';

/** How many adds are deduplicated. */
const SHARE = 0.15;
/** How many of the jobs that this client gets have a duplicate at once, where the last one is kept. */
const KEPT_SHARE = 0.7;
const TTL_MS = [30, 200, 900] as const;
/** Each is used in one way, so that the checkers know how long it is taken; the last one in all of them. */
const KEEPING = 'keep the last';
const IDS = ['until the end', KEEPING, 'throttle', 'debounce', 'any'] as const;

const PLAIN = { ttlMs: 0, isExtending: false, isReplacing: false, keepsLast: false };

/** The deduplicated adds of one client, whose ids are those of the other clients. */
export class SimDeduplications {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #history: HistoryRecorder;

  /** Queues of jobs that this client has just got, where the last duplicate is kept. */
  readonly #keeping: string[] = [];

  constructor(cluster: SimCluster, random: SimRandom, records: QueueRecords) {
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#history = records.history;
  }

  /** Whether the next add is a duplicate of a job that this client has just got. */
  get isKeeping(): boolean {
    return this.#keeping.length > 0;
  }

  /** How the next add is deduplicated, if it is, and in which queue, if not in any. */
  next(version: number): { readonly deduplication: Deduplication; readonly queue?: string | undefined } | undefined {
    const queue = this.#keeping.shift();
    if (queue !== undefined) return { queue, deduplication: { ...PLAIN, id: KEEPING, keepsLast: true } };
    if (version < DEDUPLICATION_VERSION || !this.#random.withProbability(SHARE)) return undefined;
    return { deduplication: this.#any() };
  }

  #any(): Deduplication {
    const id = this.#random.of(IDS);
    const ttlMs = this.#random.of(TTL_MS);
    switch (id) {
      case 'until the end':
        return { ...PLAIN, id };
      case KEEPING:
        return { ...PLAIN, id, keepsLast: true };
      case 'throttle':
        return { ...PLAIN, id, ttlMs, isExtending: this.#isSet };
      case 'debounce':
        return { ...PLAIN, id, ttlMs, isExtending: this.#isSet, isReplacing: true };
      default:
        return { id, ttlMs: this.#isSet ? ttlMs : 0, isExtending: this.#isSet, isReplacing: this.#isSet, keepsLast: this.#isSet };
    }
  }

  /** The add found a duplicate: it has no effect, or one when that job ends. */
  onDuplicate(call: OpenCall<'add'>, key: string, { keepsLast }: Deduplication): void {
    this.#cluster.coverage.add('duplicate of a job not added');
    if (!keepsLast) {
      call.fail('DEDUPLICATED');
      return;
    }
    this.#records.kept.add(key);
    call.info('may be added when another job ends');
  }

  /** A claim returned a job that has a deduplication id. */
  onClaimed(job: number, key: string, queue: string, deduplicationId: string): void {
    if (deduplicationId === KEEPING && this.#random.withProbability(KEPT_SHARE)) this.#keeping.push(queue);
    if (this.#records.kept.has(key)) this.#cluster.coverage.add('duplicate claimed that was kept until a job ended');
    this.#records.jobs.set(job, { key, queue, customId: undefined, ...this.#records.jobs.get(job) });
  }

  /** Sets an id free, for any job or perhaps the one that has taken it. */
  free(encoder: OperationWriter, queue: string, job: number | undefined): Step {
    const deduplicationId = this.#random.of(IDS);
    const holderJobId = this.#isSet ? (job ?? 0) : 0;
    const call: Calls['removeDeduplication'] = { queue, deduplicationId, holderJobId };
    encoder.command('removeDeduplication', call);
    return stepOf(this.#cluster.coverage, this.#history.invoke('removeDeduplication', call), (result) => {
      if (result.type !== 'deduplicationRemoved') return undefined;
      if (result.isRemoved) this.#cluster.coverage.add('deduplication id set free');
      return { isRemoved: result.isRemoved };
    });
  }

  get #isSet(): boolean {
    return this.#random.withProbability(0.5);
  }
}

/** As a history has it. */
export function recordedDeduplication(deduplication: Deduplication | undefined): Partial<Calls['add']> {
  if (deduplication === undefined) return {};
  const { id, ...others } = deduplication;
  return { deduplicationId: id, ...others };
}
