import { type ClaimedJob, decodeReply } from '../queue/reply.ts';
import type { RequestEncoder } from '../queue/request.ts';
import type { NodeStatus, ReadConsistency, RejectionCode } from '../transport/client-frame.ts';
import type { Batch } from './batch.ts';
import type { Call, KeptCall } from './call.ts';
import { CallTimes } from './call-times.ts';
import type { ClientConfig } from './client-options.ts';
import type { Connection, Rejection } from './connection.ts';
import { ClientClosedError, finalRejection } from './errors.ts';
import { Intake } from './intake.ts';
import { Lanes } from './lanes.ts';
import { LateClaims, ReleasedJob } from './late-claims.ts';
import { NodeSearch, retryDelayMs } from './node-search.ts';
import { Outcomes } from './outcomes.ts';
import type { Lane } from './session.ts';
import { WaitingClaims } from './waiting-claims.ts';
import { Wakeup } from './wakeup.ts';

/** How often a client with work asks the node it uses who leads, so that it finds its way to the leader. */
const LEADER_CHECK_MS = 500;
/** How long a batch may gather while it cannot be sent; the precision of its calls' deadlines. */
const GATHER_MS_MAX = 250;
const RELEASE_BYTES = 32;

/**
 * Turns calls into requests and requests into answers. Everything issued in one turn of the event loop becomes one
 * request; while `outstandingBatchesMax` requests are out, the next one gathers. A request is repeated with the same bytes until it is
 * answered or its deadline has passed.
 */
export class Pipeline {
  readonly config: ClientConfig;
  /** Claims that wait at the cluster. */
  readonly waitingClaims: WaitingClaims;
  readonly #connection: Connection;
  readonly #search: NodeSearch;
  readonly #wakeup = new Wakeup(() => this.#onWakeup());
  readonly #lanes: Lanes;
  readonly #intake: Intake;
  readonly #late: LateClaims;
  readonly #times: CallTimes;
  readonly #outcomes: Outcomes;
  #nowMs = performance.now();
  #isScheduled = false;
  readonly #hooks = new Set<() => void>();
  #lastRejection: RejectionCode | undefined;
  #leaderCheckAtMs = 0;
  #onIdle: (() => void) | undefined;
  /** It is closed. */
  #isOver = false;

  constructor(connection: Connection, config: ClientConfig) {
    this.config = config;
    this.#connection = connection;
    this.#search = new NodeSearch(connection);
    this.#lanes = new Lanes(config.outstandingBatchesMax);
    this.#intake = new Intake(config, this.#lanes);
    this.#late = new LateClaims((jobs, leaseMs) => {
      for (const job of jobs) this.giveBack(job, performance.now() + leaseMs);
    });
    this.#times = new CallTimes(config.deadlineMs, () => this.#search.isSearching);
    this.#outcomes = new Outcomes({ lanes: this.#lanes, intake: this.#intake, late: this.#late, times: this.#times });
    const parts = { config, connection, lanes: this.#lanes, intake: this.#intake, wakeup: this.#wakeup };
    this.waitingClaims = new WaitingClaims(parts, () => this.#schedule());
  }

  /** Operations that are not answered yet, kept ones and claims that wait not counted. */
  get operations(): number {
    return this.#intake.operations;
  }

  /** Whether it accepts no more calls. */
  get isClosed(): boolean {
    return this.#intake.isClosed;
  }

  /**
   * Write one operation into the encoder, then {@link commit} it in the same turn.
   * @param payloadBytes about how large the operation will be.
   * @throws {ClientClosedError | OverloadedError} and nothing is written.
   */
  open(payloadBytes: number): RequestEncoder {
    return this.#intake.open(payloadBytes);
  }

  commit(call: Call): void {
    this.#schedule();
    this.#intake.commit(call, this.#nowMs);
  }

  /**
   * Sends what ends a job or extends its lease, and repeats it until it is answered or the call's own time is over.
   * @param payloadBytes about how large the operation will be.
   * @throws {ClientClosedError} and nothing is written.
   */
  keep(payloadBytes: number, call: KeptCall): void {
    if (this.#intake.isClosed) throw new ClientClosedError();
    this.#schedule();
    this.#intake.keep(payloadBytes, call, this.#nowMs);
  }

  /**
   * Releases a job that nobody here will run, also while the client closes.
   * @param untilMs the end of its lease, by performance.now().
   * @param onOver called once that is answered, or given up.
   */
  giveBack({ id, token }: Pick<ClaimedJob, 'id' | 'token'>, untilMs: number, onOver: () => void = () => undefined): void {
    if (this.#isOver) {
      onOver();
      return;
    }
    this.#schedule();
    this.#intake.keep(RELEASE_BYTES, new ReleasedJob(id, token, untilMs, onOver), this.#nowMs);
  }

  /** Writes one operation that only reads. @throws {ClientClosedError | OverloadedError} and nothing is written. */
  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void, call: Call): void {
    this.#schedule();
    this.#intake.query(consistency, write, call, this.#nowMs);
  }

  /** Calls `hook` once, at the end of this turn, before its operations are sent: the last moment to add one to them. */
  atFlush(hook: () => void): void {
    this.#hooks.add(hook);
    this.#schedule();
  }

  onStatus(status: NodeStatus): void {
    this.#search.note(status);
    if (this.#search.isSearching) {
      if (this.#search.settleOnLeader()) this.#onSettled();
    } else {
      this.#search.followLeader(status);
    }
  }

  onReply(bytes: Uint8Array, node: number): void {
    const reply = decodeReply(bytes);
    const batch = this.#lanes.find(reply.client, reply.sequence);
    this.#search.trust(node);
    if (batch !== undefined) this.#outcomes.onAnswered(batch, reply.results);
    else this.#late.onAnswered(reply.client, reply.sequence, reply.results);
    // Who answers a stale reading may know no leader.
    if (this.#search.isSearching && batch?.isStale !== true) {
      this.#search.settle(node);
      this.#onSettled();
    }
    this.#afterOutcome();
  }

  onRejected(rejection: Rejection, node: number): void {
    const batch = this.#lanes.find(rejection.client, rejection.sequence);
    if (batch === undefined) return;
    if (rejection.outcome === 'not-applied' && batch.uncertainSends > 0) batch.uncertainSends -= 1;
    const error = finalRejection(rejection.code, rejection.message, batch.uncertainSends > 0 ? 'unknown' : 'not-applied');
    if (error !== undefined) {
      this.#outcomes.onRefused(batch, error);
      this.#afterOutcome();
      return;
    }
    if (this.waitingClaims.endIfCancelled(batch)) return;
    batch.lastRejection = rejection.code;
    this.#lastRejection = rejection.code;
    // A late rejection of an earlier sending says nothing about the node that has the batch now.
    if (batch.node !== node) return;
    if (rejection.code === 'OVERLOADED' || rejection.code === 'RETRY_LATER') {
      batch.retryAtMs = performance.now() + retryDelayMs(batch.sends, rejection.retryAfterMs);
      this.#wakeup.at(batch.retryAtMs);
      return;
    }
    batch.needsSend = true;
    if (!this.#search.isSearching && this.#search.node === node) this.#leave(node);
  }

  onLost(node: number): void {
    this.#search.forget(node);
    this.#markUnsent(node);
    if (this.#search.isSearching) return;
    if (this.#search.node === node) this.#leave(node);
    else this.#resendUnsent();
  }

  /** Opens the session ahead of the first call, by an operation without effect. */
  connect(call: Call): void {
    this.open(32).counts('connect');
    this.commit(call);
  }

  /**
   * Accepts no more calls, awaits the answers of those that were accepted (or their deadlines; for kept calls one `deadlineMs` at most), and
   * gives up the claims that wait.
   */
  async close(): Promise<void> {
    if (this.#intake.isClosed) return;
    this.#intake.close();
    const nowMs = performance.now();
    this.#times.onClosed(nowMs);
    for (const claim of this.#lanes.takeWaitingClaims())
      claim.fail(new ClientClosedError(claim.uncertainSends > 0 ? 'unknown' : 'not-applied'));
    if (!this.#intake.isIdle) {
      this.#wakeup.at(nowMs + this.config.deadlineMs);
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#isOver = true;
    this.#wakeup.stop();
  }

  // ---- sending

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#nowMs = performance.now();
    queueMicrotask(this.#deferFlush);
  }

  /** A tick that is asked for by a microtask runs when no microtask is left: after everything that this turn will issue. */
  readonly #deferFlush = (): void => process.nextTick(this.#flush);

  readonly #flush = (): void => {
    this.#isScheduled = false;
    for (const hook of this.#hooks) {
      this.#hooks.delete(hook);
      hook();
    }
    this.#pump();
  };

  #pump(): void {
    this.#intake.closeQueries();
    this.#pumpStale();
    if (this.#search.isSearching) {
      this.#wakeup.at(this.#search.startIfPaused(performance.now()));
      return;
    }
    if (this.#nowMs >= this.#leaderCheckAtMs) {
      this.#leaderCheckAtMs = this.#nowMs + LEADER_CHECK_MS;
      this.#search.askCurrent();
    }
    this.#pumpLane(this.#lanes.waiting);
    this.#pumpLane(this.#lanes.main);
    this.#pumpLane(this.#lanes.queries);
    this.#wakeup.at(this.#intake.sinceMs + this.#gatherMs());
  }

  #pumpLane(lane: Lane): void {
    for (;;) {
      if (lane === this.#lanes.main && !lane.isFull) this.#intake.closeNext();
      const batch = this.#lanes.takeNext(lane);
      if (batch === undefined) return;
      this.#transmit(batch, this.#search.node, performance.now());
      if (this.#search.isSearching) return;
    }
  }

  /** Whoever is there may answer these. */
  #pumpStale(): void {
    const batches = [...this.#lanes.unanswered()].filter((batch) => batch.isStale && batch.needsSend);
    for (let batch = this.#lanes.takeNext(this.#lanes.stale); batch !== undefined; batch = this.#lanes.takeNext(this.#lanes.stale)) {
      batches.push(batch);
    }
    for (const batch of batches) {
      const settled = this.#search.isSearching ? [] : [this.#search.node];
      [...settled, ...this.#connection.nodeIds()].some((node) => this.#transmit(batch, node, performance.now()));
    }
  }

  #transmit(batch: Batch, node: number, nowMs: number): boolean {
    if (!this.#connection.send(node, batch.packet)) {
      batch.needsSend = true;
      if (!this.#search.isSearching && this.#search.node === node) this.#leave(node);
      return false;
    }
    batch.needsSend = false;
    batch.node = node;
    batch.sends += 1;
    batch.uncertainSends += 1;
    batch.sentAtMs = nowMs;
    batch.retryAtMs = Number.POSITIVE_INFINITY;
    this.waitingClaims.onSent(batch, node);
    this.#wakeup.at(Math.min(batch.deadlineMs, batch.silentAtMs(this.config.silenceMs)));
    return true;
  }

  #gatherMs(): number {
    return Math.min(GATHER_MS_MAX, this.config.deadlineMs / 10);
  }

  // ---- failover

  /** Turns away from a node: everything that was sent to it has to be sent again, first of all one request as a probe. */
  #leave(node: number): void {
    this.#markUnsent(node);
    this.#wakeup.at(this.#search.start(performance.now()));
  }

  #onSettled(): void {
    this.#lastRejection = undefined;
    const node = this.#search.node;
    const nowMs = performance.now();
    this.#times.onSettled(nowMs);
    this.#leaderCheckAtMs = nowMs + LEADER_CHECK_MS;
    for (const batch of this.#lanes.unanswered()) {
      if (this.#search.isSearching) return;
      if (batch.needsSend || batch.node !== node) this.#transmit(batch, node, nowMs);
    }
    this.#schedule();
  }

  #resendUnsent(): void {
    const nowMs = performance.now();
    for (const batch of this.#lanes.unanswered()) {
      if (this.#search.isSearching) return;
      if (batch.needsSend) this.#transmit(batch, this.#search.node, nowMs);
    }
  }

  #markUnsent(node: number): void {
    for (const batch of this.#lanes.unanswered()) if (batch.node === node) batch.needsSend = true;
  }

  /** While no leader is known only one request is tried, again and again: a new leader must not meet sixteen copies of everything. */
  #probe(nowMs: number): void {
    this.#intake.closeNext();
    const batch = this.#lanes.nextProbe();
    if (batch === undefined) return;
    for (let tried = this.#connection.nodeIds().length; tried > 0; tried -= 1) {
      const node = this.#search.nextProbeNode(nowMs);
      if (node !== undefined && this.#transmit(batch, node, nowMs)) return;
    }
  }

  // ---- outcomes

  #afterOutcome(): void {
    if (this.#intake.isIdle) this.#onIdle?.();
    if (this.#intake.isGathering || this.#lanes.hasQueued()) this.#schedule();
  }

  // ---- time

  #onWakeup(): void {
    const nowMs = performance.now();
    this.#outcomes.expire(nowMs, this.#lastRejection);
    this.#afterOutcome();
    if (this.#intake.isIdle && !this.#lanes.hasWaitingClaims()) {
      this.#search.pause();
      return;
    }
    if (nowMs >= this.#intake.sinceMs + this.#gatherMs()) this.#intake.closeGathered();
    this.#pumpStale();
    if (!this.#search.isSearching) this.#checkSilence(nowMs);
    if (this.#search.isSearching && this.#search.isDue(nowMs)) {
      if (this.#search.isProbing) this.#probe(nowMs);
      this.#search.askAll(nowMs);
    }
    this.#wakeup.at(this.#nextWakeup());
  }

  #checkSilence(nowMs: number): void {
    for (const batch of [...this.#lanes.unanswered()]) {
      if (this.#search.isSearching) return;
      if (batch.retryAtMs <= nowMs) {
        this.#transmit(batch, this.#search.node, nowMs);
      } else if (batch.retryAtMs === Number.POSITIVE_INFINITY && batch.silentAtMs(this.config.silenceMs) <= nowMs) {
        batch.needsSend = true;
        if (batch.node === this.#search.node) {
          this.#search.suspect(batch.node, nowMs);
          this.#leave(batch.node);
        } else {
          this.#transmit(batch, this.#search.node, nowMs);
        }
      }
    }
  }

  #nextWakeup(): number {
    const { isSearching } = this.#search;
    const nowMs = performance.now();
    let next = this.#intake.sinceMs + this.#gatherMs();
    if (isSearching) next = Math.min(next, this.#search.nextMs);
    for (const batch of this.#lanes.queued()) next = Math.min(next, this.#times.nextDueMs(batch, nowMs));
    for (const batch of this.#lanes.unanswered()) {
      next = Math.min(next, this.#times.nextDueMs(batch, nowMs));
      if (!isSearching)
        next = Math.min(next, batch.retryAtMs === Number.POSITIVE_INFINITY ? batch.silentAtMs(this.config.silenceMs) : batch.retryAtMs);
    }
    return next;
  }
}
