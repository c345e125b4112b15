import { getRandomValues } from 'node:crypto';
import { RequestEncoder, SESSION_ID_END } from '../queue/request.ts';
import { Batch } from './batch.ts';

/** One registration of a client id with the cluster: what lets a repeated request be recognised. */
export class Session {
  /** Until it is open a random number, which only its opening is sent under; then the id that the cluster gave it (thesis §6.3). */
  client = randomNumber();
  /** Batches that were sent and not answered yet, by sequence, in ascending order. */
  readonly unanswered = new Map<number, Batch>();
  isOpen = false;
  #nextSequence = 1;

  /** The cluster knows the session now, under this id. */
  open(client: number): void {
    this.client = client;
    this.isOpen = true;
  }

  addNext(batch: Batch): void {
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    this.unanswered.set(sequence, batch);
    batch.address(this, sequence, this.#acknowledgedBelow());
  }

  /** Everything below was answered or given up. */
  #acknowledgedBelow(): number {
    for (const sequence of this.unanswered.keys()) return sequence;
    return this.#nextSequence;
  }
}

/**
 * The way of one kind of request: at most one session at a time, and the batches that wait for their first sending. Claims
 * that wait have a lane of their own: they stay unanswered for seconds, and would keep the cluster from forgetting
 * the answers of everything behind them.
 */
export class Lane {
  readonly unansweredMax: number;
  session = new Session();
  /** Closed batches that were never sent, oldest first. */
  queued: Batch[] = [];

  /** @param isRemembered whether the cluster remembers answers for it; what only reads may be carried out twice, and opens no session. */
  constructor(unansweredMax: number, isRemembered = true) {
    this.unansweredMax = unansweredMax;
    this.session.isOpen = !isRemembered;
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
    if (this.isFull) return undefined;
    const batch = this.queued.shift();
    if (batch !== undefined) this.session.addNext(batch);
    return batch;
  }

  renewSession(): void {
    this.session = new Session();
  }
}

function openingBatch(): Batch {
  const encoder = new RequestEncoder(64);
  encoder.begin(1, 1, 1);
  encoder.openSession();
  return new Batch(encoder.finish(), [], Number.POSITIVE_INFINITY, { isOpening: true });
}

/** From {@link SESSION_ID_END} on and below 2^52: never the id of a session. */
function randomNumber(): number {
  const words = getRandomValues(new Uint32Array(2));
  const high = (words[0] as number) & 0x7_ffff;
  return SESSION_ID_END + high * 0x1_0000_0000 + (words[1] as number);
}
