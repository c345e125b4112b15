import type { JobKey } from '../history/functions.ts';
import type { HistoryRecorder } from '../history/history.ts';
import type { ReadConsistency } from '../protocol/client-frame.ts';
import { DEDUPLICATION_VERSION, TRANSACTIONS_VERSION } from '../protocol/machine-version.ts';
import type { ClaimedJob, JobDetail } from '../protocol/reply.ts';
import { jobQueueOf } from './job-queue-of.ts';
import type { OperationWriter } from './operation-recorder.ts';
import { PayloadSizes } from './payload-sizes.ts';
import { checkResult, keyOfJob, resultOf } from './payloads.ts';
import { aListing, QUEUE_READS, resultIn } from './queue-reads.ts';
import type { QueueRecords } from './queue-records.ts';
import { SimAdds } from './sim-adds.ts';
import { SimChanges } from './sim-changes.ts';
import type { SimCluster } from './sim-cluster.ts';
import { SimDeduplications } from './sim-deduplications.ts';
import { SimFlows } from './sim-flows.ts';
import { DELAYED_CHANGES, QUEUE_CHANGES, RATE_MS, SimQueueChanges, VERSION_1_CHANGES } from './sim-queue-changes.ts';
import type { SimRandom } from './sim-random.ts';
import { SimSchedulers } from './sim-schedulers.ts';
import { type Step, stepOf, unsettled } from './sim-step.ts';
import { SimTransactions } from './sim-transactions.ts';
import { checkProperty, Violation } from './violation.ts';
import type { Workload } from './workload.ts';

const FAILED_REASON = 'no luck';
/** Of a parent. */
const CHILD_FAILED = /^child \w+:\d+ failed$/;
const LARGE_BYTES = 65_536;

/** How many of the claims bring a limit of the rate. */
const LIMITER_SHARE = 0.1;
/** How many of the queries of a queue list jobs. */
const LISTING_SHARE = 0.4;
/** Of all operations: those that set a deduplication id free. */
const FREE_SHARE = 0.01;
/** How many of the leases end by a transaction. */
const TRANSACTION_SHARE = 0.15;
/** How many of the queries of a job that has a log read it. */
const LOG_READ_SHARE = 0.6;
/** Of all operations, where there are job schedulers. */
const SCHEDULER_SHARE = 0.12;
/** Likewise, where there are flows. */
const FLOW_SHARE = 0.12;

interface Lease {
  readonly job: number;
  readonly token: number;
  readonly isBegun: boolean;
}

/** The operations of one client: adds, claims, finishes and reads jobs, and records them in the history. */
export class SimOperations {
  readonly #client: number;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #history: HistoryRecorder;
  /** Acknowledged changes of a job must be visible at once. */
  readonly #look: (job: number) => void;
  readonly #jobs: number[] = [];
  /** Added with a delay. */
  #latestDelayed: number | undefined;
  readonly #completed = new Set<number>();
  readonly #sizes: PayloadSizes;
  readonly #adds: SimAdds;
  readonly #schedulers: SimSchedulers;
  readonly #changes: SimChanges;
  readonly #queueChanges: SimQueueChanges;
  readonly #deduplications: SimDeduplications;
  readonly #flows: SimFlows;
  readonly #transactions: SimTransactions;
  #leases: Lease[] = [];
  /** Jobs that this client claimed and has not ended, as far as it knows, by token. */
  readonly #open = new Map<number, number>();
  /** Process ids of this client so far. */
  #processes = 1;

  constructor(client: number, cluster: SimCluster, random: SimRandom, records: QueueRecords, look: (job: number) => void) {
    this.#client = client;
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#history = records.history;
    this.#look = look;
    this.#sizes = new PayloadSizes(cluster, random);
    this.#changes = new SimChanges(client, cluster, random, this.#sizes, records, look);
    this.#deduplications = new SimDeduplications(cluster, random, records);
    this.#adds = new SimAdds(client, cluster, random, this.#sizes, records, this.#deduplications, (job, isDelayed) => {
      this.#jobs.push(job);
      if (isDelayed) this.#latestDelayed = job;
      look(job);
    });
    this.#queueChanges = new SimQueueChanges(cluster, random, records, this.#adds);
    this.#transactions = new SimTransactions(cluster, random, records, this.#adds, this.#changes);
    this.#schedulers = new SimSchedulers(client, cluster, random, records.history, this.#adds);
    this.#flows = new SimFlows(client, cluster, random, records, this.#adds, (job) => {
      this.#jobs.push(job);
      look(job);
    });
  }

  /** A job that this client added; mostly the latest one, or the latest delayed one, which may still wait. */
  #changedJob(): number | undefined {
    const die = this.#random.below(3);
    return die === 0 ? this.anyJob() : die === 1 ? this.#jobs.at(-1) : (this.#latestDelayed ?? this.anyJob());
  }

  /** A random job that this client added. */
  anyJob(): number | undefined {
    return this.#jobs[this.#random.below(Math.max(1, this.#jobs.length))];
  }

  /**
   * @param isAlone whether it is the only operation of its request.
   * @param version of the state machine that the client believes the cluster to have.
   */
  next(encoder: OperationWriter, isAlone: boolean, version: number): Step {
    if (this.#workload.hasSchedulers && version > 1 && this.#random.withProbability(SCHEDULER_SHARE)) return this.#schedulers.next(encoder);
    if (version >= DEDUPLICATION_VERSION && this.#random.withProbability(FREE_SHARE))
      return this.#deduplications.free(encoder, this.#adds.anyQueue(), this.#jobs.at(-1));
    if (this.#deduplications.isKeeping) return this.#adds.add(encoder, version);
    if (this.#workload.hasFlows && version > 1 && this.#random.withProbability(FLOW_SHARE)) return this.#flows.next(encoder);
    const die = this.#random.below(100);
    const lease = this.#random.withProbability(0.85) ? this.#leases.shift() : this.#leases[0];
    if (lease !== undefined && die < 60) return this.#finish(encoder, lease, version);
    if (die < 70 || (version === 1 && !isAlone)) return this.#adds.add(encoder, version);
    if (die < 87) return this.#claim(encoder, isAlone, version);
    const job = die < 92 ? this.anyJob() : this.#changedJob();
    if (job === undefined) return this.#adds.add(encoder, version);
    if (die < 89) return this.readQueue(encoder);
    if (die < 92) return this.getJob(encoder, job);
    if (die < 93 && version > 1) return this.#releaseHolder(encoder);
    if (die < 95 && version > 1) return this.#changes.change(encoder, job, 0);
    if (job === this.#latestDelayed && version > 1) return this.#queueChanges.anyOf(encoder, DELAYED_CHANGES, job, version);
    return this.#queueChanges.anyOf(encoder, version > 1 ? QUEUE_CHANGES : VERSION_1_CHANGES, job, version);
  }

  /** The process ended. The nodes may release its jobs, unless they know that it received the reply. */
  forget(): void {
    this.#leases = [];
    this.#processes += 1;
    for (const [token, job] of this.#open) this.#history.invoke('release', { job, token }).info('process ended');
    this.#open.clear();
  }

  /** Its process gives back a job that no call awaits. */
  giveBack(job: number, token: number): void {
    this.#history.invoke('release', { job, token }).info('given back');
  }

  /** Reads something of a queue; within the log its counts. */
  readQueue(encoder: OperationWriter, consistency?: ReadConsistency): Step {
    if (consistency !== undefined && this.#flows.hasParents && this.#random.withProbability(LISTING_SHARE))
      return this.#flows.readChildren(encoder);
    const queue = this.#adds.anyQueue();
    if (consistency !== undefined && this.#random.withProbability(LISTING_SHARE)) return this.#listJobs(encoder, queue, consistency);
    const f = consistency === undefined ? 'counts' : this.#oneOf(QUEUE_READS);
    encoder.command(f, { queue });
    return stepOf(this.#cluster.coverage, this.#history.invoke(f, { queue, ...promised(consistency) }), (result) => resultIn(f, result));
  }

  #listJobs(encoder: OperationWriter, queue: string, consistency: ReadConsistency): Step {
    const listing = aListing(this.#random, queue);
    encoder.command('jobIds', listing);
    const call = this.#history.invoke('jobIds', { ...listing, ...promised(consistency) });
    return stepOf(this.#cluster.coverage, call, (result) => resultIn('jobIds', result));
  }

  /** A read beside the log: the job, or rows of its log. */
  readJob(encoder: OperationWriter, job: number, consistency: ReadConsistency): Step {
    const { logs } = this.#changes;
    if (this.#random.withProbability(logs.mayHave(job) ? LOG_READ_SHARE : LOG_READ_SHARE / 10)) return logs.read(encoder, job, consistency);
    return this.getJob(encoder, job, consistency);
  }

  getJob(encoder: OperationWriter, job: number, consistency?: ReadConsistency): Step {
    encoder.command('getJob', { jobId: job });
    const call = this.#history.invoke('getJob', { job, ...promised(consistency) });
    return {
      ...unsettled(call),
      settle: (result) => {
        if (result.ok && result.type === 'job') {
          const { state, token, attempt, stalls, payload, tick } = result.job;
          this.#checkOutcome(result.job);
          const progress = this.#changes.progressIn(job, result.job.progress);
          // The reply to a repeated request in the log shows what the job has by then.
          const data = payload === undefined ? undefined : this.#changes.dataIn(payload);
          const content = consistency === undefined ? {} : { progress, ...(data === undefined ? {} : { data }) };
          call.ok({ state, token, attempt, stalls, ...content, ...(payload === undefined ? {} : { key: keyOfJob(payload, tick) }) });
        } else if (!result.ok && result.code === 'JOB_NOT_FOUND') {
          if (this.#completed.has(job) && this.#workload.retention !== 'all')
            this.#cluster.coverage.add('finished job removed to keep later ones');
          call.ok({ state: null });
        } else throw new Violation('replies fit their requests', `getJob got ${JSON.stringify(result)}`);
      },
    };
  }

  #claim(encoder: OperationWriter, isAlone: boolean, version: number): Step {
    const countMax = 1 + this.#random.below(3);
    const limiter =
      version > 1 && this.#random.withProbability(LIMITER_SHARE) ? { max: 2, durationMs: this.#random.of(RATE_MS) } : undefined;
    const call = {
      queue: this.#flows.claimedQueue(),
      countMax,
      leaseMs: this.#random.of([60, 400, 3_000]),
      waitMs: isAlone && this.#random.withProbability(0.4) ? 200 : 0,
      beginMax: this.#random.withProbability(0.5) ? countMax : this.#random.below(countMax),
      stalledMax: this.#random.of([0, 1, 1, 2]),
      holder: holderId(this.#client, this.#processes),
      ...(limiter === undefined ? {} : { limiterMax: limiter.max, limiterMs: limiter.durationMs }),
    };
    encoder.claim(call.queue, { ...call, limiter });
    const { coverage } = this.#cluster;
    // Version 1 has none of the following.
    const { queue, leaseMs, waitMs } = call;
    return stepOf(
      this.#cluster.coverage,
      this.#history.invoke('claim', version > 1 ? call : { queue, countMax, leaseMs, waitMs }),
      (result) => {
        if (result.type !== 'claimed') return undefined;
        for (const { id, token, isBegun } of result.jobs) {
          this.#leases.push({ job: id, token, isBegun });
          this.#open.set(token, id);
        }
        if (limiter !== undefined && result.jobs.length > 0) coverage.add('jobs claimed under a limit that the claim brought');
        this.#flows.onClaimed(result.jobs);
        if (result.jobs.some(({ attempt }) => attempt > 1)) coverage.add('job claimed again after a failure');
        if (this.#workload.isBackoffExponential && result.jobs.some(({ attempt }) => attempt > 2))
          coverage.add('job claimed again after a longer pause');
        if (result.jobs.some(({ stalls }) => stalls > 0)) coverage.add('job claimed again after it stalled');
        if (call.waitMs > 0 && result.jobs.length > 0) coverage.add('claim waited for a job');
        if (result.jobs.length < countMax && this.#isHeldBack(queue)) coverage.add('jobs held back by a pause or a limit of their queue');
        // The reply to a repeated request may name a job that was removed in the meantime, without its fields.
        const keyIn = ({ id, payload, tick }: ClaimedJob): JobKey | undefined =>
          payload === undefined ? this.#records.jobs.get(id)?.key : keyOfJob(payload, tick);
        if (result.jobs.some(({ payload }) => (payload?.length ?? 0) >= LARGE_BYTES)) coverage.add('payload of 64 KiB and more returned');
        for (const { id, payload, tick } of result.jobs)
          if (payload !== undefined && tick !== undefined) this.#onTick(id, queue, keyOfJob(payload, tick));
        for (const { id, payload, deduplicationId } of result.jobs)
          if (payload !== undefined && deduplicationId !== undefined)
            this.#deduplications.onClaimed(id, keyOfJob(payload, undefined), queue, deduplicationId);
        const jobs = result.jobs.map((job) => {
          const { id, token, attempt, isBegun, stalls, payload, progress, tick } = job;
          this.#changes.progressIn(id, progress);
          if (payload !== undefined) this.#changes.dataIn(payload);
          const key = keyIn(job);
          return { job: id, token, attempt, isBegun, stalls, ...tick, ...(key === undefined ? {} : { key }) };
        });
        return { jobs };
      },
    );
  }

  /** Whether jobs of the queue wait that no claim can take. */
  #isHeldBack(queue: string): boolean {
    const runtime = this.#cluster.leader()?.runtime;
    if (runtime === undefined) return false;
    const machine = jobQueueOf(runtime);
    return machine.waitingCount(queue) === 0 && machine.counts(queue).waiting > 0;
  }

  /** A claim returned a job that a job scheduler added. */
  #onTick(job: number, queue: string, key: string): void {
    this.#cluster.coverage.add('job of a tick claimed');
    if (!this.#records.jobs.has(job)) this.#jobs.push(job);
    this.#records.jobs.set(job, { key, queue, customId: undefined });
  }

  #finish(encoder: OperationWriter, lease: Lease, version: number): Step {
    const { job, token } = lease;
    if (!lease.isBegun && version > 1 && this.#random.withProbability(0.5)) return this.#markBegun(encoder, lease);
    if (version > 1 && this.#random.withProbability(0.1)) {
      this.#leases.push(lease);
      return this.#changes.change(encoder, job, token);
    }
    if (version >= TRANSACTIONS_VERSION && this.#random.withProbability(TRANSACTION_SHARE))
      return this.#transactions.next(encoder, lease, this.anyJob(), () => this.#onCompleted(lease), version);
    const die = this.#random.below(100);
    if (die < (this.#workload.isBackoffExponential ? 25 : 55)) {
      const isOversized = this.#sizes.isOversized();
      encoder.complete(job, token, resultOf(job, token, isOversized ? this.#sizes.oversizedBytes : this.#sizes.sizeOr(0)));
      const step = stepOf(this.#cluster.coverage, this.#history.invoke('complete', { job, token }), () => {
        this.#onCompleted(lease);
        return null;
      });
      return { ...step, isOversized };
    }
    if (die < 75) {
      const retry = this.#random.withProbability(0.7);
      encoder.command('fail', { jobId: job, token, reason: FAILED_REASON, retry });
      return stepOf(this.#cluster.coverage, this.#history.invoke('fail', { job, token, retry }), () => this.#onEnded(token));
    }
    if (die < 88) {
      const leaseMs = this.#random.of([100, 1_000]);
      encoder.command('extend', { jobId: job, token, leaseMs });
      this.#leases.push(lease);
      return stepOf(this.#cluster.coverage, this.#history.invoke('extend', { job, token, leaseMs }), nothing);
    }
    encoder.command('release', { jobId: job, token });
    return stepOf(this.#cluster.coverage, this.#history.invoke('release', { job, token }), () => this.#onEnded(token));
  }

  #onCompleted({ job, token }: Lease): void {
    this.#open.delete(token);
    this.#completed.add(job);
    this.#look(job);
  }

  get #workload(): Workload {
    return this.#cluster.plan.workload;
  }

  /** A finished job shows its result. */
  #checkOutcome({ id, state, token, payload, result, failedReason }: JobDetail): void {
    const isStalled = failedReason?.startsWith('job stalled') === true;
    if (isStalled) this.#cluster.coverage.add('job failed since it stalled too often');
    // The reply to a repeated request shows the current state of the job.
    if (state === 'completed' && payload !== undefined) {
      this.#cluster.coverage.add('result read');
      checkResult(id, token, result);
    }
    const isExplained =
      isStalled ||
      failedReason === undefined ||
      failedReason === FAILED_REASON ||
      CHILD_FAILED.test(failedReason) ||
      this.#cluster.plan.isVersionAsked;
    checkProperty(
      state !== 'failed' || isExplained,
      'payloads come back as they were sent',
      () => `job ${id} failed for "${failedReason}"`,
    );
  }

  #onEnded(token: number): null {
    this.#open.delete(token);
    return null;
  }

  /** Whether the holder later ends the lease, or it ends as a stall, is random. */
  #markBegun(encoder: OperationWriter, lease: Lease): Step {
    const { job, token } = lease;
    encoder.command('begin', { jobId: job, token });
    if (this.#random.withProbability(0.6)) this.#leases.push({ ...lease, isBegun: true });
    return stepOf(this.#cluster.coverage, this.#history.invoke('begin', { job, token }), () => {
      this.#cluster.coverage.add('job begun that had been claimed ahead');
      return null;
    });
  }

  /** The process ended, and the next one ends its leases; or a client assumes that another client's first process ended. */
  #releaseHolder(encoder: OperationWriter): Step {
    const isOwn = this.#random.withProbability(0.7);
    const holder = isOwn ? holderId(this.#client, this.#processes) : holderId(this.#client + 1, 1);
    if (isOwn) {
      this.#processes += 1;
      this.#leases = [];
    }
    encoder.command('releaseHolder', { holder });
    return stepOf(this.#cluster.coverage, this.#history.invoke('releaseHolder', { holder }), () => {
      this.#cluster.coverage.add('leases of a holder released');
      return null;
    });
  }

  #oneOf<Item>(items: readonly Item[]): Item {
    return items[this.#random.below(items.length)] as Item;
  }
}

const nothing = () => null;

const holderId = (client: number, process: number): number => client * 1_000 + process;

/** A lease read guarantees the same as a linearizable read, and is checked as one. */
const promised = (consistency: ReadConsistency | undefined) => (consistency === 'stale' ? { consistency } : {});
