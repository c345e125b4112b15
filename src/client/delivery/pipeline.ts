import type { NodeStatus, ReadConsistency } from '../../protocol/client-frame.ts';
import { type ClaimedJob, decodeReply } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { ClientConfig } from '../client-options.ts';
import { CLIENT_CLOSED, type ClosedReason } from '../closed-reason.ts';
import { finalRejection } from '../errors.ts';
import { BatchBuilder } from './batch-builder.ts';
import { CallTimes } from './call-times.ts';
import type { Connection, RequestRejection } from './connection.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { Ending } from './ending.ts';
import { LateClaims, ReleasedJob } from './late-claims.ts';
import { LeaderDiscovery, retryDelayMs } from './leader-discovery.ts';
import { Outcomes } from './outcomes.ts';
import type { PendingOperation, RepeatedOperation } from './pending-operation.ts';
import { Reachability } from './reachability.ts';
import type { SessionQueue } from './session.ts';
import { SessionQueues } from './session-queues.ts';
import { Transmitter } from './transmitter.ts';
import { TurnEnd } from './turn-end.ts';
import { WaitingClaims } from './waiting-claims.ts';

/** Interval at which a client with work asks its node for the leader, so that it moves to the leader. */
const LEADER_CHECK_MS = 500;
/** Maximum time that a batch collects operations while it cannot be sent; the precision of its calls' deadlines. */
const GATHER_MS_MAX = 250;
const RELEASE_BYTES = 32;

/**
 * Converts calls into requests and replies into results. Everything issued in one turn of the event loop becomes one request; while
 * `outstandingBatchesMax` requests are unanswered, operations collect in the next one. A request is repeated with the same bytes until it
 * has a reply or its deadline has passed.
 */
export class Pipeline {
  readonly config: ClientConfig;
  /** Claims that wait at the cluster. */
  readonly waitingClaims: WaitingClaims;
  readonly #search: LeaderDiscovery;
  readonly #reachability: Reachability;
  readonly #turnEnd = new TurnEnd(() => this.#pump());
  readonly #wakeup = new DeadlineTimer(() => this.#onDeadline());
  readonly #sessionQueues: SessionQueues;
  readonly #intake: BatchBuilder;
  readonly #transmitter: Transmitter;
  readonly #late: LateClaims;
  readonly #times: CallTimes;
  readonly #outcomes: Outcomes;
  readonly #ending: Ending;
  #lastRejection: RequestRejection | undefined;
  #leaderCheckAtMs = 0;
  #onIdle: (() => void)[] = [];
  /** The latest time at which the client is closed; infinity until close() is called. */
  #closesByMs = Number.POSITIVE_INFINITY;
  /** It is closed. */
  #isOver = false;

  constructor(connection: Connection, config: ClientConfig) {
    this.config = config;
    this.#search = new LeaderDiscovery(connection);
    this.#reachability = new Reachability(connection, this.#search);
    this.#sessionQueues = new SessionQueues(config.outstandingBatchesMax);
    this.#intake = new BatchBuilder(config, this.#sessionQueues);
    const { silenceMs } = config;
    const parts = { connection, sessionQueues: this.#sessionQueues, intake: this.#intake, wakeup: this.#wakeup };
    this.waitingClaims = new WaitingClaims({ ...parts, config }, () => this.#turnEnd.schedule());
    this.#transmitter = new Transmitter({ ...parts, search: this.#search, waitingClaims: this.waitingClaims, silenceMs });
    this.#late = new LateClaims((jobs, leaseMs) => {
      for (const job of jobs) this.giveBack(job, performance.now() + leaseMs);
    });
    this.#times = new CallTimes(config.deadlineMs, () => this.#search.isSearching);
    this.#outcomes = new Outcomes({ sessionQueues: this.#sessionQueues, intake: this.#intake, late: this.#late, times: this.#times });
    this.#ending = new Ending({ connection, sessionQueues: this.#sessionQueues, intake: this.#intake });
  }

  /** Unanswered operations, without kept ones and waiting claims. */
  get operations(): number {
    return this.#intake.operations;
  }

  /** Whether it accepts no more calls. */
  get isClosed(): boolean {
    return this.#intake.isClosed;
  }

  /**
   * Write one operation into the encoder, then {@link commit} it in the same turn.
   * @param payloadBytes approximate size of the operation.
   * @param waitsForNodes whether it may wait for a node to be started when none runs.
   * @throws {ClientClosedError | ClusterClosedError | NoNodesRunningError | QuorumLostError | OverloadedError} and nothing is written.
   */
  open(payloadBytes: number, waitsForNodes = false): RequestEncoder {
    if (!waitsForNodes && !this.#intake.isClosed) this.#reachability.check();
    return this.#intake.open(payloadBytes);
  }

  commit(call: PendingOperation): void {
    this.#turnEnd.schedule();
    this.#intake.commit(call, this.#turnEnd.nowMs);
  }

  /**
   * Sends an operation that ends a job or extends its lease, and repeats it until it has a reply or the call's own time is over.
   * @param payloadBytes approximate size of the operation.
   * @throws {ClientClosedError | ClusterClosedError} and nothing is written.
   */
  keep(payloadBytes: number, call: RepeatedOperation): void {
    this.#intake.checkOpen();
    this.#turnEnd.schedule();
    this.#intake.keep(payloadBytes, call, this.#turnEnd.nowMs);
  }

  /**
   * Releases a job that this client will not run, also while the client closes.
   * @param untilMs the end of its lease, by performance.now().
   * @param onOver called once that has a reply, or is given up.
   */
  giveBack({ id, token }: Pick<ClaimedJob, 'id' | 'token'>, untilMs: number, onOver: () => void = () => undefined): void {
    if (this.#isOver) {
      onOver();
      return;
    }
    this.#turnEnd.schedule();
    this.#intake.keep(RELEASE_BYTES, new ReleasedJob(id, token, untilMs, onOver), this.#turnEnd.nowMs);
  }

  /** Writes one operation that only reads. @throws as {@link open} */
  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void, call: PendingOperation): void {
    if (!this.#intake.isClosed) this.#reachability.check(consistency === 'stale');
    this.#turnEnd.schedule();
    this.#intake.query(consistency, write, call, this.#turnEnd.nowMs);
  }

  /** Calls `hook` once, at the end of this turn, before its operations are sent, so that it can add one. */
  atFlush(hook: () => void): void {
    this.#turnEnd.before(hook);
  }

  onStatus(status: NodeStatus): void {
    if (this.#ending.isBegun) return;
    this.#search.record(status);
    if (this.#search.isSearching) {
      if (this.#search.useLeader()) this.#onSettled();
    } else {
      this.#search.followLeader(status);
    }
  }

  onReply(bytes: Uint8Array, node: number): void {
    const reply = decodeReply(bytes);
    const batch = this.#sessionQueues.find(reply.client, reply.sequence);
    this.#search.clearSuspicion(node);
    if (batch !== undefined) this.#outcomes.onReply(batch, reply.results);
    else this.#late.onReplied(reply.client, reply.sequence, reply.results);
    // A node that replies to a stale read may know no leader.
    if (this.#search.isSearching && batch?.isStale !== true && !this.#ending.isBegun) {
      this.#search.useNode(node);
      this.#onSettled();
    }
    this.#afterOutcome();
  }

  /** For a query. A late part, of a reply that was requested twice, is ignored. */
  onReplyPart(first: number, bytes: Uint8Array, node: number): void {
    const reply = decodeReply(bytes);
    const batch = this.#sessionQueues.find(reply.client, reply.sequence);
    this.#search.clearSuspicion(node);
    if (batch === undefined) return;
    batch.sentAtMs = performance.now();
    this.#outcomes.onReplyPart(batch, first, reply.results);
    this.#afterOutcome();
  }

  onRejected(rejection: RequestRejection, node: number): void {
    const batch = this.#sessionQueues.find(rejection.client, rejection.sequence);
    if (batch === undefined) return;
    if (rejection.outcome === 'not-applied' && batch.uncertainSends > 0) batch.uncertainSends -= 1;
    const error = finalRejection(rejection.code, rejection.message, batch.uncertainSends > 0 ? 'unknown' : 'not-applied');
    if (error !== undefined) {
      this.#outcomes.onOperationsRejected(batch, error, rejection.operations);
      this.#afterOutcome();
      return;
    }
    if (this.waitingClaims.endIfCancelled(batch)) return;
    batch.rejection = rejection;
    this.#lastRejection = rejection;
    if (this.#endNow()) return;
    // A late rejection of an earlier sending says nothing about the node that has the batch now.
    if (batch.node !== node) return;
    // Another node would reject it as well.
    if (rejection.code === 'OVERLOADED' || rejection.code === 'VERSION' || rejection.code === 'RETRY_LATER') {
      batch.retryAtMs = performance.now() + retryDelayMs(batch.sends, rejection.retryAfterMs);
      this.#wakeup.at(batch.retryAtMs);
      return;
    }
    batch.needsSend = true;
    if (!this.#search.isSearching && this.#search.node === node) this.#transmitter.leave(node);
  }

  onLost(node: number): void {
    if (this.#endNow()) return;
    this.#search.forgetNode(node);
    this.#transmitter.markUnsent(node);
    if (this.#search.isSearching) return;
    if (this.#search.node === node) this.#transmitter.leave(node);
    else this.#transmitter.sendUnsent(performance.now());
  }

  /** Opens the session ahead of the first call, by an operation without effect. */
  connect(call: PendingOperation): void {
    this.open(32).command('counts', { queue: 'connect' });
    this.commit(call);
  }

  /**
   * Accepts no more calls, awaits the replies of the accepted ones (or their deadlines; for kept calls one `deadlineMs` at most),
   * cancels the waiting claims, and gives back the jobs they brought.
   */
  async close(): Promise<void> {
    if (this.#intake.isClosed) return await this.#whenIdle();
    this.#intake.close(CLIENT_CLOSED);
    const nowMs = performance.now();
    this.#times.onClosed(nowMs);
    this.#closesByMs = nowMs + this.config.deadlineMs;
    this.waitingClaims.close(this.#late);
    this.#wakeup.at(this.#closesByMs);
    await this.#whenIdle();
    this.#isOver = true;
    this.#wakeup.stop();
  }

  /** The cluster is closed: sends nothing more. @returns when every call is settled, after one `deadlineMs` at most. */
  async end(reason: ClosedReason): Promise<void> {
    const nowMs = performance.now();
    this.#times.onClosed(nowMs);
    this.#wakeup.at(nowMs + this.config.deadlineMs);
    this.#ending.begin(reason);
    this.#afterOutcome();
    await this.#whenIdle();
    this.#isOver = true;
    this.#wakeup.stop();
  }

  /** Nothing is unanswered. */
  get #isIdle(): boolean {
    return this.#intake.isIdle && !this.#sessionQueues.hasWaitingClaims();
  }

  #whenIdle(): Promise<void> {
    return new Promise<void>((resolve) => {
      if (this.#isIdle) resolve();
      else this.#onIdle.push(resolve);
    });
  }

  /** @returns whether the cluster is closed; then calls that can no longer get a reply are rejected. */
  #endNow(): boolean {
    if (!this.#ending.isBegun) return false;
    this.#ending.settle();
    this.#afterOutcome();
    return true;
  }

  // ---- sending

  #pump(): void {
    if (this.#endNow()) return;
    this.#intake.closeQueries();
    this.#transmitter.sendStale();
    if (this.#search.isSearching) {
      this.#wakeup.at(this.#search.startIfPaused(performance.now()));
      return;
    }
    if (this.#turnEnd.nowMs >= this.#leaderCheckAtMs) {
      this.#leaderCheckAtMs = this.#turnEnd.nowMs + LEADER_CHECK_MS;
      this.#search.askCurrent();
    }
    this.#pumpQueue(this.#sessionQueues.waiting);
    this.#pumpQueue(this.#sessionQueues.main);
    this.#pumpQueue(this.#sessionQueues.queries);
    this.#wakeup.at(this.#intake.sinceMs + this.#batchMs());
  }

  #pumpQueue(sessionQueue: SessionQueue): void {
    for (;;) {
      if (sessionQueue === this.#sessionQueues.main && !sessionQueue.isFull) this.#intake.closeNext();
      const batch = this.#sessionQueues.takeNext(sessionQueue);
      if (batch === undefined) return;
      this.#transmitter.send(batch, this.#search.node, performance.now());
      if (this.#search.isSearching) return;
    }
  }

  #batchMs(): number {
    return Math.min(GATHER_MS_MAX, this.config.deadlineMs / 10);
  }

  // ---- failover

  #onSettled(): void {
    this.#lastRejection = undefined;
    const node = this.#search.node;
    const nowMs = performance.now();
    this.#times.onSettled(nowMs);
    this.#leaderCheckAtMs = nowMs + LEADER_CHECK_MS;
    this.#transmitter.sendAllTo(node, nowMs);
    this.#turnEnd.schedule();
  }

  // ---- outcomes

  #afterOutcome(): void {
    if (this.#onIdle.length > 0 && this.#isIdle) for (const resolve of this.#onIdle.splice(0)) resolve();
    if (this.#intake.hasOpenBatch || this.#sessionQueues.hasQueued()) this.#turnEnd.schedule();
  }

  // ---- time

  #onDeadline(): void {
    const nowMs = performance.now();
    const { stoppedNodes } = this.#reachability;
    const outage = this.#reachability.outage();
    if (outage !== undefined) {
      this.#intake.closeOpenBatches();
      this.#intake.closeQueries();
      this.#outcomes.expireCalls(nowMs);
    }
    this.#outcomes.expire(nowMs, { rejection: this.#lastRejection, stoppedNodes, outage });
    if (nowMs >= this.#closesByMs) this.#sessionQueues.takeWaitingClaims();
    if (this.#endNow()) {
      this.#wakeup.at(nowMs + GATHER_MS_MAX);
      return;
    }
    this.#afterOutcome();
    if (this.#isIdle) {
      this.#search.pause();
      return;
    }
    if (nowMs >= this.#intake.sinceMs + this.#batchMs()) this.#intake.closeOpenBatches();
    this.#transmitter.sendStale();
    if (!this.#search.isSearching) this.#transmitter.sendAgain(nowMs);
    if (this.#search.isSearching && this.#search.isDue(nowMs)) {
      if (this.#search.isProbing) {
        this.#intake.closeNext();
        this.#transmitter.probe(nowMs);
      }
      this.#search.askAll(nowMs);
    }
    this.#wakeup.at(this.#nextDeadlineMs());
  }

  #nextDeadlineMs(): number {
    const { isSearching } = this.#search;
    const nowMs = performance.now();
    let next = Math.min(this.#closesByMs, this.#intake.sinceMs + this.#batchMs());
    if (isSearching) next = Math.min(next, this.#search.nextMs);
    for (const batch of this.#sessionQueues.queued()) next = Math.min(next, this.#times.nextDueMs(batch, nowMs));
    for (const batch of this.#sessionQueues.unanswered()) {
      next = Math.min(next, this.#times.nextDueMs(batch, nowMs));
      if (!isSearching) next = Math.min(next, this.#transmitter.nextSendMs(batch));
    }
    return next;
  }
}
