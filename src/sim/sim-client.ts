import { JobraftError } from '../base/errors.ts';
import type { Dispatcher } from '../client/delivery/dispatcher.ts';
import type { PendingOperation, RepeatedOperation } from '../client/delivery/pending-operation.ts';
import { READ_CONSISTENCIES, type ReadConsistency } from '../protocol/client-frame.ts';
import { MACHINE_VERSION } from '../protocol/machine-version.ts';
import type { OperationResult } from '../protocol/reply.ts';
import { ClientChannels } from './client-channels.ts';
import { OperationRecorder, type OperationWriter, type RecordedOperation } from './operation-recorder.ts';
import type { QueueRecords } from './queue-records.ts';
import { QUEUES } from './sim-adds.ts';
import type { SimCluster } from './sim-cluster.ts';
import { openDelivery } from './sim-delivery.ts';
import { SimEvents } from './sim-events.ts';
import { SimOperations } from './sim-operations.ts';
import { SimRandom } from './sim-random.ts';
import type { Step } from './sim-step.ts';
import { SimulatedTime } from './simulated-time.ts';
import { Version1Sender } from './version-1-sender.ts';
import { checkProperty, Violation } from './violation.ts';

const QUERY_SHARE = 0.2;
/** How often a client immediately reads its own writes. */
const LOOK_SHARE = 0.6;
const SILENCE_SHARE = 0.05;
const CANCEL_SHARE = 0.3;
/** Longer than any run: such a call is repeated until it has a reply. */
const ENDLESS_MS = 3_600_000;
/** How often the calls of a client's process end early. */
const SHORT_DEADLINE_SHARE = 0.3;
const OPERATION_BYTES = 64;

/** Codes of errors that a call of a correct client may end with. */
const EXPECTED_ERRORS: readonly string[] = ['NO_LEADER', 'DEADLINE', 'OVERLOADED', 'SESSION_EXPIRED', 'NO_NODES_RUNNING', 'LEASE_LOST'];

/**
 * A client that adds, claims, finishes and reads jobs, and records its operations. The production client delivers them; this class decides
 * which ones, and when.
 */
export class SimClient {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #channels: ClientChannels;
  readonly #operations: SimOperations;
  readonly #recorder = new OperationRecorder();
  /** Operations without an outcome. */
  readonly #open = new Set<Step>();
  /** Tokens of the jobs that its claims brought. */
  readonly #tokens = new Set<number>();
  #time: SimulatedTime;
  #dispatcher: Dispatcher;
  /** Until the cluster has a version that the production client knows. */
  #version1: Version1Sender | undefined;
  #begun = 0;
  #operationsMax: number;
  readonly #events: SimEvents | undefined;

  constructor(cluster: SimCluster, id: number, random: SimRandom, records: QueueRecords, operationsMax: number) {
    this.#cluster = cluster;
    this.#random = random;
    this.#channels = new ClientChannels(cluster, id, random, records.sessions, { onClaimed: (job) => this.#onClaimed(job) });
    this.#operations = new SimOperations(id, cluster, random, records, (job) => this.#lookAt(job));
    this.#operationsMax = operationsMax;
    this.#time = new SimulatedTime(cluster.schedule, random.uint32());
    this.#dispatcher = this.#newDispatcher();
    if (cluster.plan.isVersionAsked) this.#version1 = this.#newVersion1();
    // A stream of its own: a seed's other draws stay the same.
    const { hasReaders, queues } = cluster.plan.workload;
    const own = new SimRandom(cluster.plan.seed * 7_919 + id);
    if (hasReaders) this.#events = new SimEvents(cluster, own, records.read, QUEUES[own.below(queues)] ?? '');
  }

  get connection(): number {
    return this.#channels.connection;
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  start(): void {
    this.#think();
    this.#events?.begin(this.#dispatcher);
  }

  /** Starts nothing more; operations in progress continue. */
  stop(): void {
    this.#operationsMax = 0;
    this.#events?.end();
  }

  receiverOf(connection: number): ((packet: Uint8Array, node: number) => void) | undefined {
    const version1 = this.#version1;
    if (version1 !== undefined && connection === this.connection) return (packet) => version1.onPacket(packet);
    return this.#channels.receiverOf(connection);
  }

  /** The client's process ends, and another one replaces it: its requests and leases are dropped. */
  restart(): void {
    this.#time.end();
    this.#version1?.end();
    this.#channels.restart();
    for (const step of this.#open) step.giveUp();
    this.#open.clear();
    this.#operations.forget();
    this.#time = new SimulatedTime(this.#cluster.schedule, this.#random.uint32());
    this.#dispatcher = this.#newDispatcher();
    if (this.#version1 !== undefined) this.#version1 = this.#newVersion1();
    if (this.#operationsMax > 0) this.#events?.begin(this.#dispatcher);
  }

  /** Recently sent requests arrive once more, in their order. */
  sendLateCopies(): void {
    this.#channels.sendLateCopies();
  }

  /** The node's channels closed. */
  onLost(node: number): void {
    this.#channels.onLost(node);
  }

  #newDispatcher(): Dispatcher {
    const { outstandingMax, operationsPerRequestMax } = this.#cluster.plan.workload;
    const options = {
      deadlineMs: this.#random.withProbability(SHORT_DEADLINE_SHARE) ? this.#random.of([300, 1_000, 4_000]) : ENDLESS_MS,
      silenceMs: this.#random.of([100, 250, 600]),
      outstandingBatchesMax: this.#random.of([1, outstandingMax, outstandingMax]),
      batchOperationsMax: 1 + this.#random.below(operationsPerRequestMax),
    };
    return openDelivery(this.#channels, options, this.#time);
  }

  #newVersion1(): Version1Sender {
    return new Version1Sender(this.#cluster, this.connection, this.#random, () => this.#onNewerVersion());
  }

  #onNewerVersion(): void {
    this.#version1?.end();
    this.#version1 = undefined;
  }

  #think(): void {
    this.#cluster.schedule.after(this.#pauseMs(), () => {
      if (this.#begun >= this.#operationsMax) return;
      const { burstMax, outstandingMax, operationsPerRequestMax } = this.#cluster.plan.workload;
      for (let left = burstMax > 1 ? 1 + this.#random.below(burstMax) : 1; left > 0; left -= 1)
        if (this.#open.size < outstandingMax + operationsPerRequestMax) this.#ask();
      this.#think();
    });
  }

  /** Pause before it starts something; where sessions end after a short time, sometimes longer than that. */
  #pauseMs(): number {
    const { sessionIdleMsMax } = this.#cluster.plan.bounds;
    const isSilent = sessionIdleMsMax !== undefined && this.#random.withProbability(SILENCE_SHARE);
    return isSilent ? sessionIdleMsMax * this.#random.between(0.5, 2) : this.#random.between(1, 120);
  }

  #ask(): void {
    const count = this.#random.withProbability(0.2) ? 1 + this.#random.below(this.#cluster.plan.workload.operationsPerRequestMax) : 1;
    if (this.#version1 !== undefined) {
      if (!this.#version1.isOpen) return;
      this.#begun += 1;
      this.#version1.send((to) => Array.from({ length: count }, () => this.#watched(this.#operations.next(to, count === 1, 1))));
      return;
    }
    this.#begun += 1;
    const job = this.#operations.anyJob();
    if (job !== undefined && this.#random.withProbability(QUERY_SHARE)) this.#query(job);
    else for (let left = count; left > 0; left -= 1) this.#submit(count === 1);
  }

  /** @param isAlone whether it is the only operation that is begun now. */
  #submit(isAlone: boolean): void {
    const step = this.#watched(this.#operations.next(this.#recorder, isAlone, MACHINE_VERSION));
    const operation = this.#recorder.take();
    this.#issue(step, (call) => {
      if (operation.type === 'waiting-claim') {
        const claim = this.#dispatcher.claim(operation.queue, operation.options, call);
        if (!this.#random.withProbability(CANCEL_SHARE)) return;
        const { schedule } = this.#cluster;
        const dispatcher = this.#dispatcher;
        schedule.after(this.#random.between(0, operation.options.waitMs), () => dispatcher.cancelClaim(claim));
      } else if (operation.type === 'kept' && (operation.endsLease || this.#random.withProbability(0.5))) {
        this.#dispatcher.keep(OPERATION_BYTES, this.#kept(step, call, operation));
      } else {
        operation.write(this.#dispatcher.open(OPERATION_BYTES));
        this.#dispatcher.commit(call);
      }
    });
  }

  #kept(step: Step, call: PendingOperation, operation: Extract<RecordedOperation, { readonly type: 'kept' }>): RepeatedOperation {
    const { write, endsLease } = operation;
    const isEndless = this.#random.withProbability(0.5);
    const untilMs = this.#cluster.schedule.nowMs + (isEndless ? ENDLESS_MS : this.#random.between(50, 3_000));
    const outlivesOutage = this.#random.withProbability(0.5);
    return {
      ...{ write, endsLease, untilMs: () => untilMs, outlivesOutage: () => outlivesOutage },
      // An extension may have been executed before, in a session that has expired since then.
      onResult: (result) => (result.ok || endsLease ? call.onResult(result) : step.giveUp()),
      onError: call.onError,
    };
  }

  #query(job: number): void {
    const consistency = this.#random.of<ReadConsistency>(['linearizable', ...READ_CONSISTENCIES]);
    const isCounting = this.#random.withProbability(0.5);
    const operations = this.#operations;
    this.#read(consistency, (to) => (isCounting ? operations.readQueue(to, consistency) : operations.readJob(to, job, consistency)));
  }

  /** Acknowledged writes must be visible at once at any node: at the next leader, and at a deposed leader that has not noticed it yet. */
  #lookAt(job: number): void {
    const share = this.#cluster.triggers.readsAt === undefined ? LOOK_SHARE : 1;
    if (this.#version1 !== undefined || !this.#random.withProbability(share)) return;
    const consistency = this.#random.of<ReadConsistency>(['linearizable', 'lease']);
    this.#read(consistency, (to) => this.#operations.readJob(to, job, consistency));
  }

  #read(consistency: ReadConsistency, record: (to: OperationWriter) => Step): void {
    const step = this.#watched(record(this.#recorder));
    const operation = this.#recorder.take();
    if (operation.type !== 'call') throw new Error(`a query of ${operation.type}`);
    this.#issue(step, (call) => this.#dispatcher.query(consistency, operation.write, call), consistency);
  }

  #issue(step: Step, issue: (call: PendingOperation) => void, consistency?: ReadConsistency): void {
    const onError = (error: Error): void => this.#report(() => this.#onError(step, error));
    const onResult = (result: OperationResult): void => {
      if (consistency !== undefined) this.#cluster.coverage.add(`${consistency} query answered`);
      this.#report(() => step.settle(result));
    };
    try {
      issue({ onResult, onError });
    } catch (error) {
      // Nothing was sent.
      this.#onError(step, error as Error);
    }
  }

  /** A step that is over is no longer open. */
  #watched(step: Step): Step {
    const end = (): void => void this.#open.delete(watched);
    const watched: Step = {
      ...step,
      settle: (result) => {
        end();
        checkProperty(step.isOversized !== true, 'limits hold', () => 'a payload beyond the limit is taken');
        if (result.ok && result.type === 'claimed') for (const { token } of result.jobs) this.#tokens.add(token);
        step.settle(result);
      },
      giveUp: () => {
        end();
        step.giveUp();
      },
      reject: (code) => {
        end();
        if (code === 'TOO_LARGE') {
          checkProperty(step.isOversized === true, 'valid requests are taken', () => 'a small payload is rejected since it is too large');
          this.#cluster.coverage.add('payload rejected since it is too large');
        }
        step.reject(code);
      },
    };
    this.#open.add(watched);
    return watched;
  }

  #onError(step: Step, error: Error): void {
    if (!(error instanceof JobraftError)) throw error;
    const { code, outcome, message } = error;
    const { isVersionAsked, workload } = this.#cluster.plan;
    const isByOversized = workload.isOversized && (code === 'TOO_LARGE' || (code === 'REJECTED_TOGETHER' && outcome === 'unknown'));
    const isExpected = EXPECTED_ERRORS.includes(code) || isByOversized || (code === 'VERSION' && isVersionAsked);
    checkProperty(code !== 'UNEXPECTED_RESULT', 'replies are whole', () => message);
    checkProperty(isExpected, 'valid requests are taken', () => `${code}: ${message}`);
    this.#cluster.coverage.add(outcome === 'unknown' ? 'call ended with an unknown outcome' : 'call ended that was not applied');
    if (outcome === 'unknown') step.giveUp();
    else step.reject(code);
  }

  /** The client gives back the jobs of a claim that was given up before its reply. */
  #onClaimed({ id, token }: { readonly id: number; readonly token: number }): void {
    if (!this.#tokens.has(token)) this.#operations.giveBack(id, token);
  }

  /** Delivery isolates what its callbacks throw: a violation ends the run nevertheless. */
  #report(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#cluster.schedule.after(0, () => {
        throw error instanceof Violation ? error : new Violation('the client works', String(error));
      });
    }
  }
}
