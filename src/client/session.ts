import { getRandomValues } from 'node:crypto';
import { RequestEncoder, SESSION_ID_END } from '../protocol/request-encoder.ts';
import { Batch } from './batch.ts';

/** One registration of a client with the cluster: what lets a repeated request be recognised. */
export class Session {
  readonly lane: SessionQueue;
  /** Until it is open a random number, which only its opening is sent under; then the id that the cluster gave it (thesis §6.3). */
  client = randomNumber();
  /** Batches that were sent and not answered yet, by sequence, in ascending order. */
  readonly unanswered = new Map<number, Batch>();
  isOpen = false;
  #nextSequence = 1;

  constructor(lane: SessionQueue) {
    this.lane = lane;
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
    batch.assignSequence(this, sequence, this.#acknowledgedBelow());
  }

  /** Everything below was answered or given up. */
  #acknowledgedBelow(): number {
    for (const sequence of this.unanswered.keys()) return sequence;
    return this.#nextSequence;
  }
}

/** What a lane's requests are to the cluster. */
export interface SessionQueueRules {
  /** Whether the cluster remembers replies for it; what only reads may be carried out twice, and opens no session. */
  readonly isRemembered: boolean;
  /** Whether its batches take effect in the order of their first sending, also when its session has to be replaced. */
  readonly keepsOrder: boolean;
}

/**
 * The requests of one kind: at most one session at a time, and the batches that wait for their first sending. Claims
 * that wait have a lane of their own: they stay unanswered for seconds, and would keep the cluster from forgetting
 * the replies of everything behind them.
 */
export class SessionQueue {
  readonly unansweredMax: number;
  readonly #rules: SessionQueueRules;
  session: Session;
  /** Closed batches that wait to be sent: first those that were sent before, by their order, then the others, oldest first. */
  queued: Batch[] = [];
  /** Was replaced, and some of its batches are not answered: what they will do comes first. */
  #predecessor: Session | undefined;
  #sent = 0;

  constructor(unansweredMax: number, rules: SessionQueueRules) {
    this.unansweredMax = unansweredMax;
    this.#rules = rules;
    this.session = this.#newSession();
  }

  /** Nothing waits to be sent, and nothing of the current session for a reply. */
  get isIdle(): boolean {
    return this.queued.length === 0 && this.session.unanswered.size === 0;
  }

  get isFull(): boolean {
    return this.session.unanswered.size >= this.unansweredMax;
  }

  /** The batch to send next, addressed; the session's opening comes first and is answered before others are sent. */
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

  /** Kept calls go before all that waits for its first sending, but not before other kept calls. */
  pushKept(batch: Batch): void {
    let at = this.queued.length;
    while (at > 0 && this.queued[at - 1]?.kept === 0 && this.queued[at - 1]?.wasSent === false) at -= 1;
    this.queued.splice(at, 0, batch);
  }

  /** Puts a batch that was sent before back in its place. */
  requeue(batch: Batch): void {
    let at = 0;
    while (at < this.queued.length && (this.queued[at]?.order ?? 0) <= batch.order) at += 1;
    this.queued.splice(at, 0, batch);
  }

  /** Takes out everything that waits to be sent. */
  takeQueued(): Batch[] {
    const { queued } = this;
    this.queued = [];
    return queued;
  }

  /** The cluster does not know the session any more. Where the cluster remembers nothing, the session is the client's own, and stays. */
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
    const session = new Session(this);
    session.isOpen = !this.#rules.isRemembered;
    return session;
  }
}

function openingBatch(): Batch {
  const encoder = new RequestEncoder(64);
  encoder.begin(1, 1, 1);
  encoder.openSession();
  const payloads = { request: encoder.finish(), calls: [], kept: 0, keptBytes: 0 };
  return new Batch(payloads, Number.POSITIVE_INFINITY, { isOpening: true });
}

/** From {@link SESSION_ID_END} on and below 2^52: never the id of a session. */
function randomNumber(): number {
  const words = getRandomValues(new Uint32Array(2));
  const high = (words[0] as number) & 0x7_ffff;
  return SESSION_ID_END + high * 0x1_0000_0000 + (words[1] as number);
}
