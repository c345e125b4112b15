import { CHILD_FAILURE_RULES, ChildStatus, NO_PARENT, type WrittenFlowJob } from '../protocol/flow.ts';
import { ADD_DEFAULTS, type AddOptions, policyOf } from '../protocol/request-encoder.ts';
import type { OperationWriter } from './operation-recorder.ts';
import { checkChildResult, payloadOf } from './payloads.ts';
import type { QueueRecords } from './queue-records.ts';
import { QUEUES, type SimAdds } from './sim-adds.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';
import { checkProperty, Violation } from './violation.ts';

/** Shapes of trees: the position of the parent of each job. */
const SHAPES: readonly (readonly number[])[] = [
  [NO_PARENT, 0],
  [NO_PARENT, 0],
  [NO_PARENT, 0],
  [NO_PARENT, NO_PARENT, 0, 1],
  [NO_PARENT, 0, 0],
  [NO_PARENT, 0, 0, 0],
  [NO_PARENT, 0, 1],
  [NO_PARENT, 0, 0, 1, 1],
  [NO_PARENT, NO_PARENT, 0, 1, 1],
];

/** How many of the claims are of the queue of one of the latest jobs, and how many these are. */
const LATEST_SHARE = 0.7;
const LATEST_MAX = 6;

/** How often a child is separated from its parent. */
const SEPARATE_SHARE = 0.15;

/** A job whose children can be read. */
interface KnownParent {
  readonly id: number;
  readonly queue: string;
  readonly children: number;
}

/** The flows that one client adds and reads. */
export class SimFlows {
  readonly #client: number;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #adds: SimAdds;
  readonly #onAdded: (job: number) => void;
  readonly #parents: KnownParent[] = [];
  readonly #children: number[] = [];
  readonly #latest: number[] = [];
  #flows = 0;

  constructor(
    client: number,
    cluster: SimCluster,
    random: SimRandom,
    records: QueueRecords,
    adds: SimAdds,
    onAdded: (job: number) => void,
  ) {
    this.#client = client;
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#adds = adds;
    this.#onAdded = onAdded;
  }

  get hasParents(): boolean {
    return this.#parents.length > 0;
  }

  /** Adds one or two trees, or separates a child from its parent. */
  next(encoder: OperationWriter): Step {
    const child = this.#random.withProbability(SEPARATE_SHARE) ? this.#children.shift() : undefined;
    return child === undefined ? this.#add(encoder) : this.#separate(encoder, child);
  }

  /** A queue in which jobs of the latest flows may wait; any other one if there are none. */
  claimedQueue(): string {
    const job = this.#latest[this.#random.below(Math.max(1, this.#latest.length))];
    const queue = job === undefined || !this.#random.withProbability(LATEST_SHARE) ? undefined : this.#records.jobs.get(job)?.queue;
    return queue ?? this.#adds.anyQueue();
  }

  /** A claim returned these jobs. */
  onClaimed(jobs: readonly { readonly id: number }[]): void {
    if (jobs.some(({ id }) => this.#parents.some((parent) => parent.id === id)))
      this.#cluster.coverage.add('parent claimed after its children');
  }

  #separate(encoder: OperationWriter, job: number): Step {
    const queue = this.#records.jobs.get(job)?.queue ?? QUEUES[0];
    encoder.command('removeDependency', { queue, jobId: job });
    return stepOf(this.#cluster.coverage, this.#records.history.invoke('removeDependency', { queue, job }), (result) => {
      if (result.type !== 'detached') return undefined;
      if (result.wasChild) this.#cluster.coverage.add('child separated from its parent');
      return { wasChild: result.wasChild };
    });
  }

  #add(encoder: OperationWriter): Step {
    this.#flows += 1;
    const shape = this.#random.of(SHAPES as [readonly number[], ...(readonly number[])[]]);
    const jobs = shape.map((parent, at) => this.#job(parent, `${this.#client}-f${this.#flows}.${at}`));
    encoder.addFlow(jobs.map(({ written }) => written));
    const steps = jobs.map(({ key, written, options }, at) => {
      const { backoff, customId, ...others } = options;
      const parentKey = jobs[written.parent]?.key;
      const child = parentKey === undefined ? {} : { parentKey, onFailure: written.onFailure };
      const { queueName: queue } = written;
      const call = this.#records.history.invoke('add', {
        ...{ key, queue, ...others, backoffMs: 0, isBackoffExponential: false },
        ...{ ...child, hasChildren: shape.includes(at) },
      });
      return stepOf(this.#cluster.coverage, call, (result) => {
        if (result.type !== 'flowAdded') return undefined;
        const id = result.firstId + at;
        this.#records.jobs.set(id, { key, queue, customId: undefined });
        this.#onAdded(id);
        this.#latest.push(id);
        if (this.#latest.length > LATEST_MAX) this.#latest.shift();
        const children = shape.filter((parent) => parent === at).length;
        if (parentKey !== undefined) this.#children.push(id);
        if (children > 0) this.#parents.push({ id, queue, children });
        return { job: id };
      });
    });
    return {
      settle: (result) => {
        if (result.ok) this.#cluster.coverage.add('flow added');
        for (const step of steps) step.settle(result);
      },
      giveUp: () => {
        for (const step of steps) step.giveUp();
      },
      reject: (code) => {
        for (const step of steps) step.reject(code);
      },
    };
  }

  /** Reads the results that a parent keeps of its children. */
  readChildren(encoder: OperationWriter): Step {
    const { id, queue, children: known } = this.#random.of(this.#parents.slice(-LATEST_MAX) as [KnownParent, ...KnownParent[]]);
    const status = ChildStatus.processed;
    encoder.command('children', { queue, jobId: id, status, hasValues: true, after: 0, countMax: 10 });
    return {
      settle: (result) => {
        if (!result.ok && result.code === 'JOB_NOT_FOUND') return;
        if (!result.ok || result.type !== 'children')
          throw new Violation('replies fit their requests', `children got ${JSON.stringify(result)}`);
        const { unprocessed, processed, failed, ignored, children } = result;
        const sum = unprocessed + processed + failed + ignored;
        checkProperty(sum <= known && children.length === processed, "a child's result is with its parent", () => `job ${id} shows ${sum}`);
        for (const child of children) checkChildResult(child.id, child.value);
        if (children.length > 0) this.#cluster.coverage.add('results of children read from their parent');
        if (failed + ignored > 0) this.#cluster.coverage.add('failures of children read from their parent');
      },
      giveUp: () => undefined,
      reject: () => undefined,
    };
  }

  #job(parent: number, key: string): { readonly key: string; readonly written: WrittenFlowJob; readonly options: AddOptions } {
    const queueName = this.#adds.anyQueue();
    const options: AddOptions = {
      ...ADD_DEFAULTS,
      ...this.#adds.retention(queueName),
      delayMs: this.#random.withProbability(0.1) ? this.#random.below(400) : 0,
      priority: this.#random.withProbability(0.1) ? 1 + this.#random.below(3) : 0,
      attemptsMax: 1 + this.#random.below(2),
      // Served before most other jobs, so that parents are served within a run.
      isLifo: this.#random.withProbability(0.8),
    };
    const { delayMs, priority } = options;
    const onFailure = parent === NO_PARENT ? 0 : this.#random.below(CHILD_FAILURE_RULES.length);
    const payload = payloadOf(key, this.#random.below(50));
    return { key, options, written: { parent, onFailure, queueName, customId: '', policy: policyOf(options), delayMs, priority, payload } };
  }
}
