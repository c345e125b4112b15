import { recordedPolicy } from '../history/functions.ts';
import type { HistoryRecorder } from '../history/history.ts';
import { COMMANDS } from '../protocol/commands.ts';
import { KEEP_TIME_VERSION } from '../protocol/machine-version.ts';
import { POLICY_FIELDS, POLICY_LAYOUTS, POLICY_NAMES } from '../protocol/policy.ts';
import type { OperationResult } from '../protocol/reply.ts';
import { ADD_DEFAULTS, type AddOptions } from '../protocol/request-encoder.ts';
import type { OperationWriter } from './operation-recorder.ts';
import type { PayloadSizes } from './payload-sizes.ts';
import { payloadOf } from './payloads.ts';
import type { QueueRecords } from './queue-records.ts';
import type { SimCluster } from './sim-cluster.ts';
import { recordedDeduplication, type SimDeduplications } from './sim-deduplications.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';
import { checkProperty } from './violation.ts';
import type { Workload } from './workload.ts';

export const QUEUES = ['first', 'second', 'third', 'fourth', 'fifth'] as const;
const NAMES: readonly string[] = QUEUES;
/** How many finished jobs each queue keeps in plans where the queue decides. */
const KEPT_COMPLETED = [1, 3, 0, -1, 2] as const;
const KEPT_FAILED = [2, 0, 1, -1, 3] as const;
const FLAGS = POLICY_NAMES.filter((name) => POLICY_FIELDS[name].kind === 'boolean');
/** How many of the jobs are kept for a time, where not all are kept, and for how long. */
const KEPT_FOR_TIME_SHARE = 0.2;
const KEPT_MS = [0, 1, 300, 3_600_000] as const;
/** How often a flag is set. */
export const FLAG_SHARE = 0.3;
/** How many jobs have an id that their client chose. */
const CUSTOM_ID_SHARE = 0.15;

/** An id that a client chose, and the queue that has it, or had it. */
interface CustomId {
  readonly id: string;
  readonly queue: string;
}

/** The adds of one client, with all options. */
export class SimAdds {
  readonly #client: number;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #sizes: PayloadSizes;
  readonly #records: QueueRecords;
  readonly #history: HistoryRecorder;
  readonly #onAdded: (job: number, isDelayed: boolean) => void;
  /** Ids that this client chose for jobs that it added, and with which it is adding none now. */
  readonly #customIds: CustomId[] = [];
  readonly #deduplications: SimDeduplications;
  #adds = 0;
  /** Whether the job that was added last has an id of its client: then another job may be there in its place. */
  hasLatestId = false;

  constructor(
    client: number,
    cluster: SimCluster,
    random: SimRandom,
    sizes: PayloadSizes,
    records: QueueRecords,
    deduplications: SimDeduplications,
    onAdded: (job: number, isDelayed: boolean) => void,
  ) {
    this.#client = client;
    this.#cluster = cluster;
    this.#random = random;
    this.#sizes = sizes;
    this.#records = records;
    this.#deduplications = deduplications;
    this.#history = records.history;
    this.#onAdded = onAdded;
  }

  /** Of the job that was added last. */
  get latestKey(): string {
    return `${this.#client}-${this.#adds}`;
  }

  anyQueue(): string {
    return QUEUES[this.#random.below(this.#workload.queues)] ?? QUEUES[0];
  }

  /** @param mayBeDuplicate not in a transaction, whose adds are not deduplicated. */
  add(encoder: OperationWriter, version: number, mayBeDuplicate = true): Step {
    this.#adds += 1;
    const key = this.latestKey;
    const chosen = this.#customId(key, version);
    const duplicated = chosen === undefined && mayBeDuplicate ? this.#deduplications.next(version) : undefined;
    const queue = chosen?.queue ?? duplicated?.queue ?? this.anyQueue();
    const deduplication = duplicated?.deduplication;
    const customId = chosen?.id;
    this.hasLatestId = customId !== undefined;
    const isLong = this.#cluster.plan.longDelayMs > 0 && this.#random.withProbability(0.05);
    const options: AddOptions = {
      ...ADD_DEFAULTS,
      ...this.#flags(version),
      delayMs: isLong ? this.#cluster.plan.longDelayMs : this.#random.withProbability(0.2) ? this.#random.below(400) : 0,
      priority: this.#random.withProbability(0.2) ? 1 + this.#random.below(3) : 0,
      attemptsMax: (this.#workload.isBackoffExponential ? 3 : 1) + this.#random.below(3),
      backoff: this.#backoff(),
      ...this.retention(queue, version),
      customId,
      deduplication,
    };
    const isOversized = this.#sizes.isOversized();
    encoder.add(
      queue,
      payloadOf(key, isOversized ? this.#sizes.oversizedBytes : this.#sizes.sizeOr(this.#random.withProbability(0.1) ? 500 : 0)),
      options,
    );
    const { backoff, customId: _, deduplication: __, ...others } = options;
    const pause = { backoffMs: backoff.delayMs, isBackoffExponential: backoff.type === 'exponential' };
    const call = this.#history.invoke('add', { key, queue, ...recordedPolicy(others), ...pause, ...recordedDeduplication(deduplication) });
    const step = stepOf(this.#cluster.coverage, call, (result) => {
      if (result.type !== 'added') return undefined;
      this.#records.jobs.set(result.id, { key, queue, customId });
      this.#onAdded(result.id, options.delayMs > 0);
      return { job: result.id };
    });
    const settle = (result: OperationResult): void => {
      if (result.ok && result.type === 'deduplicated' && deduplication !== undefined) {
        this.#deduplications.onDuplicate(call, key, deduplication);
        return;
      }
      const known = result.ok && result.type === 'added' ? this.#records.jobs.get(result.id) : undefined;
      if (chosen !== undefined && result.ok) this.#customIds.push(chosen);
      if (known === undefined || customId === undefined) {
        step.settle(result);
        return;
      }
      checkProperty(known.customId === customId, 'an id is that of one job', () => `"${customId}" became that of ${known.key}`);
      this.#cluster.coverage.add('job added again with its id');
      call.fail('ADDED_BEFORE');
    };
    return { ...step, settle, isOversized };
  }

  /** A new id, or that of a job of this client, which may have been removed. */
  #customId(key: string, version: number): CustomId | undefined {
    if (version < COMMANDS.addWithId.versions[0] || !this.#random.withProbability(CUSTOM_ID_SHARE)) return undefined;
    const again = this.#random.withProbability(0.6) ? this.#customIds.shift() : undefined;
    return again ?? { id: `job ${key}`, queue: this.anyQueue() };
  }

  /** The options that are on or off, as far as the version has them. */
  #flags(version: number): Partial<AddOptions> {
    const layouts = POLICY_LAYOUTS.filter(({ versions }) => versions[0] <= version);
    const known = FLAGS.filter((name) => layouts.some(({ names }) => names.includes(name)));
    return Object.fromEntries(known.map((name) => [name, this.#random.withProbability(FLAG_SHARE)]));
  }

  #backoff(): AddOptions['backoff'] {
    if (!this.#random.withProbability(this.#workload.isBackoffExponential ? 0.8 : 0.3)) return { type: 'none', delayMs: 0 };
    return this.#workload.isBackoffExponential
      ? { type: 'exponential', delayMs: this.#random.of([50, 300, 500]) }
      : { type: 'fixed', delayMs: 50 };
  }

  /** How many finished jobs the queue keeps. */
  retention(queue: string, version = 0): Pick<AddOptions, 'keepCompleted' | 'keepFailed'> & Partial<AddOptions> {
    const { retention } = this.#workload;
    if (retention === 'all') return { keepCompleted: -1, keepFailed: -1 };
    if (version >= KEEP_TIME_VERSION && this.#random.withProbability(KEPT_FOR_TIME_SHARE)) {
      this.#cluster.coverage.add('finished job kept for a time');
      return { keepCompleted: -1, keepFailed: -1, keepCompletedMs: this.#random.of(KEPT_MS), keepFailedMs: this.#random.of(KEPT_MS) };
    }
    if (retention === 'by-job') return { keepCompleted: this.#random.of(KEPT_COMPLETED), keepFailed: this.#random.of(KEPT_FAILED) };
    const at = NAMES.indexOf(queue);
    return { keepCompleted: KEPT_COMPLETED[at] ?? -1, keepFailed: KEPT_FAILED[at] ?? -1 };
  }

  get #workload(): Workload {
    return this.#cluster.plan.workload;
  }
}
