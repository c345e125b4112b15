import { RequestEncoder, SESSION_ID_END } from '../../protocol/request-encoder.ts';
import { Batch } from './batch.ts';
import type { RandomSource } from './host.ts';

/** One registration of a client with the cluster, by which it recognises a repeated request. */
export class Session {
  readonly sessionQueue: SessionQueue;
  /** Until it is open a random number, only used by its opening; then the id that the cluster assigned (thesis §6.3). */
  client: number;
  /** Sent batches without a reply, by sequence, in ascending order. */
  readonly unanswered = new Map<number, Batch>();
  isOpen = false;
  #nextSequence = 1;

  constructor(sessionQueue: SessionQueue, openingNumber: number) {
    this.sessionQueue = sessionQueue;
    this.client = openingNumber;
  }

  /** The cluster knows the session now, under this id. */
  open(client: number): void {
    this.client = client;
    this.isOpen = true;
  }

  addNext(batch: Batch): void {
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    this.unanswered.set(sequence, batch);
    batch.assignSequence(this.client, sequence, this.#acknowledgedBelow());
  }

  /** Every sequence below has a reply or is given up. */
  #acknowledgedBelow(): number {
    for (const sequence of this.unanswered.keys()) return sequence;
    return this.#nextSequence;
  }
}

/** How the cluster treats the requests of a session queue. */
export interface SessionQueueRules {
  /** Whether the cluster remembers the replies. Queries may be executed twice, and open no session. */
  readonly isRemembered: boolean;
  /** Whether its batches take effect in the order of their first sending, also when its session is replaced. */
  readonly keepsOrder: boolean;
}

/**
 * The requests of one kind: at most one session at a time, and the batches that wait for their first sending. Waiting claims
 * have a session queue of their own: they stay unanswered for seconds, and would keep the cluster from evicting the replies
 * of everything behind them.
 */
export class SessionQueue {
  readonly unansweredMax: number;
  readonly #rules: SessionQueueRules;
  readonly #random: RandomSource;
  session: Session;
  /** Closed batches that wait to be sent: first those that were sent before, by their order, then the others, oldest first. */
  queued: Batch[] = [];
  /** The replaced session while some of its batches are unanswered: they must take effect first. */
  #predecessor: Session | undefined;
  #sent = 0;

  constructor(unansweredMax: number, rules: SessionQueueRules, random: RandomSource) {
    this.unansweredMax = unansweredMax;
    this.#rules = rules;
    this.#random = random;
    this.session = this.#newSession();
  }

  /** Nothing waits to be sent, and nothing of the current session for a reply. */
  get isIdle(): boolean {
    return this.queued.length === 0 && this.session.unanswered.size === 0;
  }

  get isFull(): boolean {
    return this.session.unanswered.size >= this.unansweredMax;
  }

  /** The next batch to send, with its header; the session's opening comes first, and its reply before others are sent. */
  takeNext(): Batch | undefined {
    if (this.queued.length === 0) return undefined;
    if (!this.session.isOpen) {
      if (this.session.unanswered.size > 0) return undefined;
      const opening = openingBatch();
      this.session.addNext(opening);
      return opening;
    }
    if (this.isFull || this.#isHeldBack) return undefined;
    const batch = this.queued.shift();
    if (batch === undefined) return undefined;
    if (!batch.wasSent) {
      this.#sent += 1;
      batch.order = this.#sent;
    }
    this.session.addNext(batch);
    return batch;
  }

  /** Kept calls go before all unsent batches, but not before other kept calls. */
  pushKept(batch: Batch): void {
    let at = this.queued.length;
    while (at > 0 && this.queued[at - 1]?.kept === 0 && this.queued[at - 1]?.wasSent === false) at -= 1;
    this.queued.splice(at, 0, batch);
  }

  /** Returns a batch that was sent before to its position. */
  requeue(batch: Batch): void {
    let at = 0;
    while (at < this.queued.length && (this.queued[at]?.order ?? 0) <= batch.order) at += 1;
    this.queued.splice(at, 0, batch);
  }

  /** Removes every unsent batch. */
  takeQueued(): Batch[] {
    const { queued } = this;
    this.queued = [];
    return queued;
  }

  /** The cluster no longer knows the session. If the cluster remembers no replies, the session is the client's own, and stays. */
  renewSession(): void {
    if (!this.#rules.isRemembered) return;
    this.#predecessor = this.session;
    this.session = this.#newSession();
  }

  get #isHeldBack(): boolean {
    if (this.#predecessor?.unanswered.size === 0) this.#predecessor = undefined;
    return this.#rules.keepsOrder && this.#predecessor !== undefined;
  }

  #newSession(): Session {
    const session = new Session(this, openingNumber(this.#random));
    session.isOpen = !this.#rules.isRemembered;
    return session;
  }
}

function openingBatch(): Batch {
  const encoder = new RequestEncoder(64);
  encoder.begin(1, 1, 1);
  encoder.command('openSession', {});
  const payloads = { request: encoder.finish(), calls: [], kept: 0, keptBytes: 0 };
  return new Batch(payloads, Number.POSITIVE_INFINITY, { isOpening: true });
}

/** In [{@link SESSION_ID_END}, 2^52): never the id of a session. */
function openingNumber(random: RandomSource): number {
  const high = random.nextUint32() & 0x7_ffff;
  return SESSION_ID_END + high * 0x1_0000_0000 + random.nextUint32();
}
