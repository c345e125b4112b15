import type { NodeStatus, ReadConsistency } from '../../protocol/client-frame.ts';
import { type ClaimedJob, decodeReply } from '../../protocol/reply.ts';
import type { ClaimOptions, RequestEncoder } from '../../protocol/request-encoder.ts';
import type { ClientConfig } from '../client-options.ts';
import { CLIENT_CLOSED, type ClosedReason } from '../closed-reason.ts';
import { finalRejection } from '../errors.ts';
import type { Batch } from './batch.ts';
import { BatchBuilder, GATHER_MS_MAX } from './batch-builder.ts';
import type { Connection, RequestRejection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { Ending } from './ending.ts';
import { Failover, retryDelayMs } from './failover.ts';
import type { DeliveryHost } from './host.ts';
import { LateClaims, ReleasedJob } from './late-claims.ts';
import { Outcomes } from './outcomes.ts';
import type { PendingOperation, RepeatedOperation } from './pending-operation.ts';
import { Reachability } from './reachability.ts';
import type { SessionQueue } from './session-queue.ts';
import { SessionQueues } from './session-queues.ts';
import { Transmitter } from './transmitter.ts';
import { TurnEnd } from './turn-end.ts';
import { openingOfVersion1 } from './version-1.ts';
import { WaitingClaims } from './waiting-claims.ts';
import { WaitingQueries } from './waiting-queries.ts';

/** Interval at which a client with work asks its node for the leader, so that it moves to the leader. */
const LEADER_CHECK_MS = 500;
const RELEASE_BYTES = 32;

/**
 * Converts calls into requests and replies into results. Everything issued in one turn becomes one request; while `outstandingBatchesMax`
 * requests are unanswered, operations collect in the next one. A request is repeated with the same bytes until it has a reply or its
 * deadline has passed.
 *
 * It has no clock, timer, randomness or I/O of its own: time and turns come from its host, and packets pass through its connection. The
 * same calls and packets at the same times give the same packets and results.
 */
export class Dispatcher {
  readonly config: ClientConfig;
  readonly reachability: Reachability;
  readonly waitingQueries: WaitingQueries;
  readonly #host: DeliveryHost;
  readonly #turnEnd: TurnEnd;
  readonly #failover: Failover;
  readonly #sessionQueues: SessionQueues;
  readonly #batchBuilder: BatchBuilder;
  readonly #waitingClaims: WaitingClaims;
  readonly #transmitter: Transmitter;
  readonly #late: LateClaims;
  readonly #deadlines: Deadlines;
  readonly #outcomes: Outcomes;
  readonly #ending: Ending;
  /** When {@link #onDeadline} is called. */
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #lastRejection: RequestRejection | undefined;
  #leaderCheckAtMs = 0;
  #onIdle: (() => void)[] = [];
  /** The latest time at which the client is closed; infinity until close() is called. */
  #closesByMs = Number.POSITIVE_INFINITY;
  /** It is closed. */
  #isOver = false;

  constructor(connection: Connection, config: ClientConfig, host: DeliveryHost) {
    this.config = config;
    this.#host = host;
    this.#turnEnd = new TurnEnd(host, () => this.#flush());
    const failover = new Failover(host.random);
    const sessionQueues = new SessionQueues(config.outstandingBatchesMax, host.random);
    const batchBuilder = new BatchBuilder(config, sessionQueues, host);
    const wakeAt = (atMs: number): void => this.#wakeAt(atMs);
    const parts = { config, connection, sessionQueues, batchBuilder, host };
    const flushLater = (): void => this.#turnEnd.schedule();
    const waitingClaims = new WaitingClaims(parts, flushLater, wakeAt);
    this.waitingQueries = new WaitingQueries(parts, flushLater);
    this.#failover = failover;
    this.#sessionQueues = sessionQueues;
    this.#batchBuilder = batchBuilder;
    this.#waitingClaims = waitingClaims;
    this.reachability = new Reachability(connection, failover);
    this.#transmitter = new Transmitter({ connection, failover, sessionQueues, waitingClaims, silenceMs: config.silenceMs }, wakeAt);
    this.#late = new LateClaims((jobs, leaseMs) => {
      for (const job of jobs) this.giveBack(job, host.nowMs() + leaseMs);
    });
    this.#deadlines = new Deadlines(config.deadlineMs, () => failover.isSearching);
    this.#outcomes = new Outcomes({ sessionQueues, batchBuilder, late: this.#late, deadlines: this.#deadlines });
    this.#ending = new Ending({ connection, sessionQueues, batchBuilder });
  }

  /** Unanswered operations, without kept ones and waiting claims. */
  get operations(): number {
    return this.#batchBuilder.operations;
  }

  /** Nothing is unanswered. */
  get isIdle(): boolean {
    return this.#batchBuilder.isIdle && !this.#sessionQueues.hasWaiters();
  }

  /** Whether it accepts no more calls. */
  get isClosed(): boolean {
    return this.#batchBuilder.isClosed;
  }

  // ---- calls

  /**
   * Write one operation into the encoder, then {@link commit} it in the same turn.
   * @param payloadBytes approximate size of the operation.
   * @param waitsForNodes whether it may wait for a node to be started when none runs.
   * @throws {ClientClosedError | ClusterClosedError | NoNodesRunningError | QuorumLostError | OverloadedError} and nothing is written.
   */
  open(payloadBytes: number, waitsForNodes = false): RequestEncoder {
    if (!waitsForNodes && !this.#batchBuilder.isClosed) this.reachability.check();
    return this.#batchBuilder.open(payloadBytes);
  }

  commit(call: PendingOperation): void {
    this.#turnEnd.schedule();
    this.#batchBuilder.commit(call, this.#turnEnd.nowMs);
  }

  /**
   * Sends an operation that ends a job or extends its lease, and repeats it until it has a reply or the call's own time is over.
   * @param payloadBytes approximate size of the operation.
   * @throws {ClientClosedError | ClusterClosedError} and nothing is written.
   */
  keep(payloadBytes: number, call: RepeatedOperation): void {
    this.#batchBuilder.checkOpen();
    this.#turnEnd.schedule();
    this.#batchBuilder.keep(payloadBytes, call, this.#turnEnd.nowMs);
  }

  /**
   * Releases a job that this client will not run, also while the client closes.
   * @param untilMs the end of its lease, by the host's clock.
   * @param onOver called once that has a reply, or is given up.
   */
  giveBack({ id, token }: Pick<ClaimedJob, 'id' | 'token'>, untilMs: number, onOver: () => void = () => undefined): void {
    if (this.#isOver) {
      onOver();
      return;
    }
    this.#turnEnd.schedule();
    this.#batchBuilder.keep(RELEASE_BYTES, new ReleasedJob(id, token, untilMs, onOver), this.#turnEnd.nowMs);
  }

  /** Writes one operation that only reads. @throws as {@link open} */
  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void, call: PendingOperation): void {
    if (!this.#batchBuilder.isClosed) this.reachability.check(consistency === 'stale');
    this.#turnEnd.schedule();
    this.#batchBuilder.query(consistency, write, call, this.#turnEnd.nowMs);
  }

  /**
   * Sends a claim that waits at the cluster until there is a job.
   * @returns the claim, to cancel it. @throws {ClientClosedError | ClusterClosedError}
   */
  claim(queue: string, options: ClaimOptions, call: PendingOperation): Batch {
    return this.#waitingClaims.submit(queue, options, call);
  }

  /** See {@link WaitingClaims.cancel}. */
  cancelClaim(claim: Batch): void {
    this.#waitingClaims.cancel(claim);
  }

  /** Opens the session ahead of the first call, by an operation without effect. @param queue that the client may read. */
  connect(queue: string, call: PendingOperation): void {
    this.open(32).command('counts', { queue });
    this.commit(call);
  }

  /** Calls `hook` once, at the end of this turn, before its operations are sent, so that it can add one. */
  atFlush(hook: () => void): void {
    this.#turnEnd.before(hook);
  }

  /**
   * Accepts no more calls, awaits the replies of the accepted ones (or their deadlines; for kept calls one `deadlineMs` at most),
   * cancels the waiting claims, and gives back the jobs they brought.
   * @param onClosed called once nothing is unanswered.
   */
  close(onClosed: () => void): void {
    if (this.#batchBuilder.isClosed) {
      this.#whenIdle(onClosed);
      return;
    }
    this.#batchBuilder.close(CLIENT_CLOSED);
    const nowMs = this.#host.nowMs();
    this.#deadlines.onClosed(nowMs);
    this.#closesByMs = nowMs + this.config.deadlineMs;
    this.waitingQueries.close();
    this.#waitingClaims.close(this.#late);
    this.#wakeAt(this.#closesByMs);
    this.#whenIdle(() => this.#stop(onClosed));
  }

  /** The cluster is closed: sends nothing more. @param onEnded called once every call is settled, after one `deadlineMs` at most. */
  end(reason: ClosedReason, onEnded: () => void): void {
    const nowMs = this.#host.nowMs();
    this.#deadlines.onClosed(nowMs);
    this.#wakeAt(nowMs + this.config.deadlineMs);
    this.#ending.begin(reason);
    this.#afterOutcome();
    this.#whenIdle(() => this.#stop(onEnded));
  }

  // ---- what the nodes send

  onStatus(status: NodeStatus): void {
    if (this.#ending.isBegun) return;
    const nowMs = this.#host.nowMs();
    const leader = this.#failover.leaderBehind(status, nowMs);
    if (this.#failover.onStatus(status, nowMs) === 'settle') this.#onSettled(nowMs);
    if (leader !== undefined && this.#transmitter.isReachable(leader)) this.#failover.moveTo(leader);
  }

  onReply(bytes: Uint8Array, node: number): void {
    const reply = decodeReply(bytes);
    const batch = this.#sessionQueues.find(reply.client, reply.sequence);
    const needsLeader = batch?.isStale !== true;
    const olderVersion = batch?.isOpening === true ? openingOfVersion1(reply) : undefined;
    if (olderVersion !== undefined) this.onRejected(olderVersion, node);
    else if (batch !== undefined) this.#outcomes.onReply(batch, reply.results);
    else this.#late.onReplied(reply.client, reply.sequence, reply.results);
    if (this.#failover.onReply(node, needsLeader && !this.#ending.isBegun) === 'settle') this.#onSettled(this.#host.nowMs());
    this.#afterOutcome();
  }

  /** For a query. A late part, of a reply that was requested twice, is ignored. */
  onReplyPart(first: number, bytes: Uint8Array, node: number): void {
    const reply = decodeReply(bytes);
    const batch = this.#sessionQueues.find(reply.client, reply.sequence);
    this.#failover.onReply(node, false);
    if (batch === undefined) return;
    batch.sentAtMs = this.#host.nowMs();
    this.#outcomes.onReplyPart(batch, first, reply.results);
    this.#afterOutcome();
  }

  onRejected(rejection: RequestRejection, node: number): void {
    const batch = this.#sessionQueues.find(rejection.client, rejection.sequence);
    if (batch === undefined) return;
    if (rejection.outcome === 'not-applied' && batch.uncertainSends > 0) batch.uncertainSends -= 1;
    const error = finalRejection(rejection.code, rejection.message, batch.outcome);
    if (error !== undefined) {
      this.#outcomes.onOperationsRejected(batch, error, rejection.operations);
      this.#afterOutcome();
      return;
    }
    if (this.#waitingClaims.endIfCancelled(batch)) return;
    batch.rejection = rejection;
    this.#lastRejection = rejection;
    if (this.#endNow()) return;
    // A late rejection of an earlier sending says nothing about the node that has the batch now.
    if (batch.node !== node) return;
    const nowMs = this.#host.nowMs();
    // Another node would reject it as well.
    if (rejection.code === 'OVERLOADED' || rejection.code === 'VERSION' || rejection.code === 'RETRY_LATER') {
      batch.retryAtMs = nowMs + retryDelayMs(this.#host.random, batch.sends, rejection.retryAfterMs);
      this.#wakeAt(batch.retryAtMs);
      return;
    }
    batch.needsSend = true;
    if (this.#failover.onUnavailable(node) === 'search') this.#transmitter.leave(node, nowMs);
  }

  /** The channel to the node is lost, with all replies in transit. */
  onLost(node: number): void {
    if (this.#endNow()) return;
    const nowMs = this.#host.nowMs();
    this.#transmitter.markUnsent(node);
    if (this.#failover.onLost(node) === 'search') this.#transmitter.leave(node, nowMs);
    else this.#transmitter.sendUnsent(nowMs);
  }

  #onSettled(nowMs: number): void {
    this.#lastRejection = undefined;
    this.#deadlines.onSettled(nowMs);
    this.#leaderCheckAtMs = nowMs + LEADER_CHECK_MS;
    this.#transmitter.sendAllTo(this.#failover.node, nowMs);
    this.#turnEnd.schedule();
  }

  #afterOutcome(): void {
    if (this.#onIdle.length > 0 && this.isIdle) for (const notify of this.#onIdle.splice(0)) notify();
    if (this.#batchBuilder.hasOpenBatch || this.#sessionQueues.hasQueued()) this.#turnEnd.schedule();
  }

  // ---- the end of a turn

  #flush(): void {
    if (this.#endNow()) return;
    const nowMs = this.#host.nowMs();
    this.#batchBuilder.closeQueries();
    this.#transmitter.sendStale(nowMs);
    if (this.#failover.isSearching) {
      if (this.#failover.resume() === 'search') this.#transmitter.askAll(nowMs);
      else this.#wakeAt(this.#failover.nextMs);
      return;
    }
    if (this.#turnEnd.nowMs >= this.#leaderCheckAtMs) {
      this.#leaderCheckAtMs = this.#turnEnd.nowMs + LEADER_CHECK_MS;
      this.#transmitter.askCurrent();
    }
    const { waiting, main, queries, waitingQueries } = this.#sessionQueues;
    for (const sessionQueue of [waiting, main, queries, waitingQueries]) this.#sendQueue(sessionQueue, nowMs);
    this.#wakeAt(this.#batchBuilder.sinceMs + this.#batchMs());
  }

  #sendQueue(sessionQueue: SessionQueue, nowMs: number): void {
    for (;;) {
      if (sessionQueue === this.#sessionQueues.main && !sessionQueue.isFull) this.#batchBuilder.closeNext();
      const batch = this.#sessionQueues.takeNext(sessionQueue);
      if (batch === undefined) return;
      this.#transmitter.send(batch, this.#failover.node, nowMs);
      if (this.#failover.isSearching) return;
    }
  }

  #batchMs(): number {
    return Math.min(GATHER_MS_MAX, this.config.deadlineMs / 10);
  }

  // ---- time

  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakeAtMs || this.#isOver) return;
    this.#wakeAtMs = atMs;
    this.#host.wakeAt(atMs, this.#onDeadline);
  }

  readonly #onDeadline = (): void => {
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#host.nowMs();
    const { stoppedNodes } = this.reachability;
    const outage = this.reachability.outage();
    if (outage !== undefined) {
      this.#batchBuilder.closeOpenBatches();
      this.#batchBuilder.closeQueries();
      this.#outcomes.expireCalls(nowMs);
    }
    this.#outcomes.expire(nowMs, { rejection: this.#lastRejection, stoppedNodes, outage });
    if (nowMs >= this.#closesByMs) this.#sessionQueues.takeWaiters();
    if (this.#endNow()) {
      this.#wakeAt(nowMs + GATHER_MS_MAX);
      return;
    }
    this.#afterOutcome();
    if (this.isIdle) {
      this.#failover.pause();
      return;
    }
    if (nowMs >= this.#batchBuilder.sinceMs + this.#batchMs()) this.#batchBuilder.closeOpenBatches();
    this.#transmitter.sendStale(nowMs);
    if (!this.#failover.isSearching) this.#transmitter.sendAgain(nowMs);
    if (this.#failover.isSearching && nowMs >= this.#failover.nextMs) {
      if (this.#failover.isProbing) {
        this.#batchBuilder.closeNext();
        this.#transmitter.probe(nowMs);
      }
      this.#transmitter.askAll(nowMs);
    }
    this.#wakeAt(this.#nextDeadlineMs(nowMs));
  };

  #nextDeadlineMs(nowMs: number): number {
    const { isSearching } = this.#failover;
    let next = Math.min(this.#closesByMs, this.#batchBuilder.sinceMs + this.#batchMs());
    if (isSearching) next = Math.min(next, this.#failover.nextMs);
    for (const batch of this.#sessionQueues.queued()) next = Math.min(next, this.#deadlines.nextDueMs(batch, nowMs));
    for (const batch of this.#sessionQueues.unanswered()) {
      next = Math.min(next, this.#deadlines.nextDueMs(batch, nowMs));
      if (!isSearching) next = Math.min(next, this.#transmitter.nextSendMs(batch));
    }
    return next;
  }

  // ---- the end

  #whenIdle(notify: () => void): void {
    if (this.isIdle) notify();
    else this.#onIdle.push(notify);
  }

  #stop(onStopped: () => void): void {
    this.#isOver = true;
    this.#host.wakeAt(Number.POSITIVE_INFINITY, this.#onDeadline);
    onStopped();
  }

  /** @returns whether the cluster is closed; then calls that can no longer get a reply are rejected. */
  #endNow(): boolean {
    if (!this.#ending.isBegun) return false;
    this.#ending.settle();
    this.#afterOutcome();
    return true;
  }
}
