import type { Batch } from './batch.ts';
import { Lane, type Session } from './session.ts';

/** Most claims that wait at the cluster at the same time, one for each idle worker of the client. */
const WAITING_CLAIMS_MAX = 1_024;

/** All batches of a client: those not sent yet, in their two lanes, and those that await an answer, by session. */
export class Lanes {
  readonly main: Lane;
  readonly waiting = new Lane(WAITING_CLAIMS_MAX);
  readonly queries: Lane;
  /** Queries that any node may answer. */
  readonly stale: Lane;
  readonly #all: readonly Lane[];
  /** The sessions that something was sent in: the current ones, and replaced ones until their last batch is answered or given up. */
  readonly #sessions = new Map<number, Session>();

  constructor(outstandingBatchesMax: number) {
    this.main = new Lane(outstandingBatchesMax);
    this.queries = new Lane(outstandingBatchesMax, false);
    this.stale = new Lane(outstandingBatchesMax, false);
    this.#all = [this.waiting, this.main, this.queries, this.stale];
  }

  find(client: number, sequence: number): Batch | undefined {
    return this.#sessions.get(client)?.unanswered.get(sequence);
  }

  /** The batch to send next in this lane, addressed. */
  takeNext(lane: Lane): Batch | undefined {
    const batch = lane.takeNext();
    if (batch !== undefined) this.#sessions.set(lane.session.client, lane.session);
    return batch;
  }

  /** The batch to try while nobody is known to lead, and rather not a claim that waits. */
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

  /** The cluster gave the session its id: what is sent in it from now on is found under that. */
  onOpened(session: Session, client: number): void {
    this.#sessions.delete(session.client);
    session.open(client);
    this.#sessions.set(client, session);
  }

  hasQueued(): boolean {
    return this.#all.some(({ queued }) => queued.length > 0);
  }

  hasWaitingClaims(): boolean {
    if (this.waiting.queued.length > 0) return true;
    for (const batch of this.unanswered()) if (batch.waitMs > 0) return true;
    return false;
  }

  /** The batch was answered or given up. */
  remove(batch: Batch): void {
    const { session } = batch;
    if (session === undefined) return;
    session.unanswered.delete(batch.sequence);
    const isCurrent = this.#all.some((lane) => lane.session === session);
    if (session.unanswered.size === 0 && !isCurrent) this.#sessions.delete(session.client);
  }

  /** The cluster does not know the batch's session any more. @returns the lane that the batch came from. */
  expireSessionOf(batch: Batch): Lane {
    const lane = batch.waitMs > 0 || batch.session === this.waiting.session ? this.waiting : this.main;
    if (batch.session === lane.session) lane.renewSession();
    this.remove(batch);
    return lane;
  }

  /** Takes out what was never sent and is due. */
  takeExpiredQueued(nowMs: number): Batch[] {
    const expired: Batch[] = [];
    for (const lane of this.#all) {
      if (lane.queued.every((batch) => batch.deadlineMs > nowMs)) continue;
      expired.push(...lane.queued.filter((batch) => batch.deadlineMs <= nowMs));
      lane.queued = lane.queued.filter((batch) => batch.deadlineMs > nowMs);
    }
    return expired;
  }

  /** Takes out every claim that waits, sent or not. */
  takeWaitingClaims(): Batch[] {
    const claims = [...this.waiting.queued, ...this.unanswered()].filter((batch) => batch.waitMs > 0);
    this.waiting.queued = [];
    for (const claim of claims) this.remove(claim);
    return claims;
  }

  /** The next moment at which a batch that was never sent is due. */
  nextQueuedDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#all) for (const batch of lane.queued) next = Math.min(next, batch.deadlineMs);
    return next;
  }
}
