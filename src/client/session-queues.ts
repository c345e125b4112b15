import type { Batch } from './batch.ts';
import { type Session, SessionQueue } from './session.ts';

/** All batches of a client: those not sent yet, in their lanes, and those that await a reply, by session. */
export class SessionQueues {
  readonly main: SessionQueue;
  /** Bounded by the number of queues that the client's workers wait at: one claim waits for each. Any other bound would keep a queue's jobs from its workers. */
  readonly waiting = new SessionQueue(Number.POSITIVE_INFINITY, { isRemembered: true, keepsOrder: false });
  readonly queries: SessionQueue;
  /** Queries that any node may reply. */
  readonly stale: SessionQueue;
  readonly #all: readonly SessionQueue[];
  /** The sessions that something was sent in: the current ones, and replaced ones until their last batch is answered or given up. */
  readonly #sessions = new Map<number, Session>();

  constructor(outstandingBatchesMax: number) {
    this.main = new SessionQueue(outstandingBatchesMax, { isRemembered: true, keepsOrder: true });
    this.queries = new SessionQueue(outstandingBatchesMax, { isRemembered: false, keepsOrder: false });
    this.stale = new SessionQueue(outstandingBatchesMax, { isRemembered: false, keepsOrder: false });
    this.#all = [this.waiting, this.main, this.queries, this.stale];
  }

  find(client: number, sequence: number): Batch | undefined {
    return this.#sessions.get(client)?.unanswered.get(sequence);
  }

  /** The batch to send next in this lane, addressed. */
  takeNext(lane: SessionQueue): Batch | undefined {
    const batch = lane.takeNext();
    if (batch !== undefined) this.#sessions.set(lane.session.client, lane.session);
    return batch;
  }

  /** The batch to try while no leader is known; a claim that waits only if there is nothing else. */
  nextProbe(): Batch | undefined {
    let waitingClaim: Batch | undefined;
    for (const batch of this.unanswered()) {
      if (batch.isStale) continue;
      if (batch.waitMs === 0) return batch;
      waitingClaim ??= batch;
    }
    return this.takeNext(this.main) ?? this.takeNext(this.queries) ?? this.takeNext(this.waiting) ?? waitingClaim;
  }

  /** Oldest first within each session. */
  *unanswered(): Generator<Batch> {
    for (const session of this.#sessions.values()) yield* session.unanswered.values();
  }

  /** Those that wait to be sent. */
  *queued(): Generator<Batch> {
    for (const lane of this.#all) yield* lane.queued;
  }

  hasQueued(): boolean {
    return this.#all.some(({ queued }) => queued.length > 0);
  }

  hasWaitingClaims(): boolean {
    if (this.waiting.queued.length > 0) return true;
    for (const batch of this.unanswered()) if (batch.waitMs > 0) return true;
    return false;
  }

  /** The cluster gave the session its id: what is sent in it from now on is found under that. */
  onOpened(session: Session, client: number): void {
    this.#sessions.delete(session.client);
    session.open(client);
    this.#sessions.set(client, session);
  }

  /** Whether a claim that waits is neither answered nor given up. */
  holds(batch: Batch): boolean {
    const { session } = batch;
    return session === undefined ? this.waiting.queued.includes(batch) : session.unanswered.get(batch.sequence) === batch;
  }

  /** Takes out a claim that waits, sent or not. */
  withdraw(batch: Batch): void {
    this.waiting.queued = this.waiting.queued.filter((queued) => queued !== batch);
    this.remove(batch);
  }

  /** The batch awaits no reply any more. */
  remove(batch: Batch): void {
    const { session } = batch;
    if (session === undefined) return;
    session.unanswered.delete(batch.sequence);
    if (session.unanswered.size === 0 && session !== session.lane.session) this.#sessions.delete(session.client);
  }

  /** The cluster does not know the batch's session any more. The batch leaves it. */
  expireSessionOf(batch: Batch): void {
    const { session } = batch;
    if (session === undefined) return;
    if (session === session.lane.session) session.lane.renewSession();
    this.remove(batch);
  }

  /** Keeps of what waits to be sent what `replace` gives for it: the batch itself, another one, or undefined for none. */
  replaceQueued(replace: (batch: Batch) => Batch | undefined): void {
    for (const lane of this.#all) if (lane.queued.length > 0) lane.queued = lane.queued.flatMap((batch) => replace(batch) ?? []);
  }

  /** The claims that wait, sent or not. */
  waitingClaims(): Batch[] {
    return [...this.waiting.queued, ...this.unanswered()].filter((batch) => batch.waitMs > 0);
  }

  /** Takes out every claim that waits, sent or not. */
  takeWaitingClaims(): Batch[] {
    const claims = this.waitingClaims();
    this.waiting.queued = [];
    for (const claim of claims) this.remove(claim);
    return claims;
  }

  /** Takes out everything that waits to be sent. */
  takeQueued(): Batch[] {
    return this.#all.flatMap((lane) => lane.takeQueued());
  }
}
