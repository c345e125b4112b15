import type { Batch } from './batch.ts';
import type { RandomSource } from './host.ts';
import { type Session, SessionQueue } from './session-queue.ts';

/** All batches of a client: unsent ones by session queue, unanswered ones by session. */
export class SessionQueues {
  readonly main: SessionQueue;
  /** Bounded by the number of queues at which the client's workers wait, with one claim each. Another bound would starve some queues. */
  readonly waiting: SessionQueue;
  readonly queries: SessionQueue;
  /** Queries that wait at their node; bounded by the number of their callers. */
  readonly waitingQueries: SessionQueue;
  /** Queries that any node may answer. */
  readonly stale: SessionQueue;
  readonly #all: readonly SessionQueue[];
  /** The sessions with sent batches: the current ones, and replaced ones until their last batch has a reply or is given up. */
  readonly #sessions = new Map<number, Session>();

  constructor(outstandingBatchesMax: number, random: RandomSource) {
    this.waiting = new SessionQueue(Number.POSITIVE_INFINITY, { isRemembered: true, keepsOrder: false }, random);
    this.main = new SessionQueue(outstandingBatchesMax, { isRemembered: true, keepsOrder: true }, random);
    this.queries = new SessionQueue(outstandingBatchesMax, { isRemembered: false, keepsOrder: false }, random);
    this.waitingQueries = new SessionQueue(Number.POSITIVE_INFINITY, { isRemembered: false, keepsOrder: false }, random);
    this.stale = new SessionQueue(outstandingBatchesMax, { isRemembered: false, keepsOrder: false }, random);
    this.#all = [this.waiting, this.main, this.queries, this.waitingQueries, this.stale];
  }

  /** The session of a sent batch that has no reply; undefined for any other. */
  sessionOf(batch: Batch): Session | undefined {
    const session = this.#sessions.get(batch.client);
    return session?.unanswered.get(batch.sequence) === batch ? session : undefined;
  }

  find(client: number, sequence: number): Batch | undefined {
    return this.#sessions.get(client)?.unanswered.get(sequence);
  }

  /** The next batch to send from this session queue, with its header. */
  takeNext(sessionQueue: SessionQueue): Batch | undefined {
    const batch = sessionQueue.takeNext();
    if (batch !== undefined) this.#sessions.set(sessionQueue.session.client, sessionQueue.session);
    return batch;
  }

  /** The batch to try while no leader is known; a waiting claim only if there is nothing else. */
  nextProbe(): Batch | undefined {
    let waitingClaim: Batch | undefined;
    for (const batch of this.unanswered()) {
      if (batch.isStale) continue;
      if (batch.waitMs === 0) return batch;
      waitingClaim ??= batch;
    }
    return (
      this.takeNext(this.main) ??
      this.takeNext(this.queries) ??
      this.takeNext(this.waiting) ??
      this.takeNext(this.waitingQueries) ??
      waitingClaim
    );
  }

  /** Oldest first within each session. */
  *unanswered(): Generator<Batch> {
    for (const session of this.#sessions.values()) yield* session.unanswered.values();
  }

  /** The unsent batches. */
  *queued(): Generator<Batch> {
    for (const sessionQueue of this.#all) yield* sessionQueue.queued;
  }

  hasQueued(): boolean {
    return this.#all.some(({ queued }) => queued.length > 0);
  }

  hasWaiters(): boolean {
    if (this.waiting.queued.length + this.waitingQueries.queued.length > 0) return true;
    for (const batch of this.unanswered()) if (batch.waitMs > 0) return true;
    return false;
  }

  /** The cluster assigned the session's id: batches sent from now on are found under it. */
  onOpened(session: Session, client: number): void {
    this.#sessions.delete(session.client);
    session.open(client);
    this.#sessions.set(client, session);
  }

  /** Whether a waiting claim or query has no reply and is not given up. */
  holds(batch: Batch): boolean {
    return this.sessionOf(batch) !== undefined || this.waiting.queued.includes(batch) || this.waitingQueries.queued.includes(batch);
  }

  /** Removes a waiting claim or query, sent or not. */
  withdraw(batch: Batch): void {
    for (const each of [this.waiting, this.waitingQueries]) each.queued = each.queued.filter((queued) => queued !== batch);
    this.remove(batch);
  }

  /** The batch no longer awaits a reply. */
  remove(batch: Batch): void {
    const session = this.sessionOf(batch);
    if (session === undefined) return;
    session.unanswered.delete(batch.sequence);
    if (session.unanswered.size === 0 && session !== session.sessionQueue.session) this.#sessions.delete(session.client);
  }

  /** The cluster no longer knows the batch's session. The batch leaves it. */
  expireSessionOf(batch: Batch): void {
    const session = this.sessionOf(batch);
    if (session === undefined) return;
    if (session === session.sessionQueue.session) session.sessionQueue.renewSession();
    this.remove(batch);
  }

  /** Replaces each unsent batch by the result of `replace`: the batch itself, another one, or undefined for none. */
  replaceQueued(replace: (batch: Batch) => Batch | undefined): void {
    for (const sessionQueue of this.#all)
      if (sessionQueue.queued.length > 0) sessionQueue.queued = sessionQueue.queued.flatMap((batch) => replace(batch) ?? []);
  }

  /** The waiting claims and queries, sent or not. */
  waiters(): Batch[] {
    return [...this.waiting.queued, ...this.waitingQueries.queued, ...this.unanswered()].filter((batch) => batch.waitMs > 0);
  }

  /** Removes every waiting claim and query, sent or not. */
  takeWaiters(): Batch[] {
    const claims = this.waiters();
    this.waiting.queued = [];
    this.waitingQueries.queued = [];
    for (const claim of claims) this.remove(claim);
    return claims;
  }

  /** Removes every unsent batch. */
  takeQueued(): Batch[] {
    return this.#all.flatMap((sessionQueue) => sessionQueue.takeQueued());
  }
}
