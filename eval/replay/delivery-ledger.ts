import type { ConsumeResult } from '../load/consume-record.ts';
import { OUTCOMES, type SendResult } from '../load/load-plan.ts';
import type { MessageOutcome } from '../load/send-record.ts';
import type { AddOutcome } from './system-under-test.ts';

export interface Tally {
  readonly attempted: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
  /** Messages completed at least once. */
  readonly completed: number;
  /** Acknowledged, and not completed after a full drain. */
  readonly lost: number;
  /** Messages completed more than once. */
  readonly duplicated: number;
  /** Payloads that were changed, or that were never sent. */
  readonly foreign: number;
}

export interface MessageSample {
  readonly sequence: number;
  readonly intendedMs: number;
  readonly sentMs: number;
  /** NaN unless acknowledged. */
  readonly acknowledgedMs: number;
  /** NaN unless completed. */
  readonly completedMs: number;
  readonly completions: number;
  readonly outcome: MessageOutcome;
}

/** The outcome of each message of a run. Every loss and every duplicate is counted individually. */
export class DeliveryLedger {
  readonly messages: number;
  readonly #intendedMs: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #acknowledgedMs: Float64Array;
  readonly #completedMs: Float64Array;
  readonly #completions: Uint16Array;
  readonly #outcomes: Uint8Array;
  #foreign = 0;
  #lastAcknowledgedMs = Number.NaN;
  #lastCompletedMs = Number.NaN;

  constructor(messages: number) {
    this.messages = messages;
    this.#intendedMs = new Float64Array(messages).fill(Number.NaN);
    this.#sentMs = new Float64Array(messages).fill(Number.NaN);
    this.#acknowledgedMs = new Float64Array(messages).fill(Number.NaN);
    this.#completedMs = new Float64Array(messages).fill(Number.NaN);
    this.#completions = new Uint16Array(messages);
    this.#outcomes = new Uint8Array(messages);
  }

  /** Of a load whose threads have ended. @throws {RangeError} when the times of its messages were not kept. */
  static of(sent: Pick<SendResult, 'outcomes' | 'times'>, consumed: Pick<ConsumeResult, 'completedMs' | 'completions' | 'foreign'>) {
    const { outcomes, times } = sent;
    if (times.type !== 'samples') throw new RangeError('The load has histograms in place of the times of its messages.');
    const ledger = new DeliveryLedger(outcomes.length);
    ledger.#intendedMs.set(times.dueMs);
    ledger.#sentMs.set(times.sentMs);
    ledger.#acknowledgedMs.set(times.acknowledgedMs);
    ledger.#outcomes.set(outcomes);
    ledger.#foreign = consumed.foreign;
    for (const [sequence, acknowledgedMs] of times.acknowledgedMs.entries()) {
      ledger.#lastAcknowledgedMs = laterOf(ledger.#lastAcknowledgedMs, acknowledgedMs);
      const completions = consumed.completions[sequence] ?? 0;
      if (ledger.outcomeOf(sequence) === 'not-sent') {
        ledger.#foreign += completions;
        continue;
      }
      ledger.#completions[sequence] = completions;
      ledger.#completedMs[sequence] = consumed.completedMs[sequence] ?? Number.NaN;
      ledger.#lastCompletedMs = laterOf(ledger.#lastCompletedMs, ledger.#completedMs[sequence] ?? Number.NaN);
    }
    return ledger;
  }

  onSent(sequence: number, intendedMs: number, sentMs: number): void {
    this.#intendedMs[sequence] = intendedMs;
    this.#sentMs[sequence] = sentMs;
    this.#setOutcome(sequence, 'open');
  }

  onAcknowledged(sequence: number, atMs: number): void {
    this.#acknowledgedMs[sequence] = atMs;
    this.#lastAcknowledgedMs = atMs;
    this.#setOutcome(sequence, 'acknowledged');
  }

  onRejected(sequence: number, outcome: AddOutcome): void {
    this.#setOutcome(sequence, outcome === 'unknown' ? 'unknown' : 'failed');
  }

  /** @param sequence from the payload; `undefined` for bytes that were never sent. */
  onCompleted(sequence: number | undefined, atMs: number): void {
    if (sequence === undefined || sequence >= this.messages || this.outcomeOf(sequence) === 'not-sent') {
      this.#foreign += 1;
      return;
    }
    const completions = (this.#completions[sequence] ?? 0) + 1;
    this.#completions[sequence] = completions;
    if (completions > 1) return;
    this.#completedMs[sequence] = atMs;
    this.#lastCompletedMs = atMs;
  }

  outcomeOf(sequence: number): MessageOutcome {
    return OUTCOMES[this.#outcomes[sequence] ?? 0] ?? 'not-sent';
  }

  get lastAcknowledgedMs(): number {
    return this.#lastAcknowledgedMs;
  }

  get lastCompletedMs(): number {
    return this.#lastCompletedMs;
  }

  /** Whether every acknowledged message was completed; messages of unknown outcome may still arrive. */
  isDelivered(): boolean {
    for (let sequence = 0; sequence < this.messages; sequence += 1) {
      if (this.outcomeOf(sequence) === 'acknowledged' && this.#completions[sequence] === 0) return false;
    }
    return true;
  }

  tally(): Tally {
    const outcomes: Record<MessageOutcome, number> = { 'not-sent': 0, open: 0, acknowledged: 0, failed: 0, unknown: 0 };
    let completed = 0;
    let lost = 0;
    let duplicated = 0;
    for (let sequence = 0; sequence < this.messages; sequence += 1) {
      const outcome = this.outcomeOf(sequence);
      const completions = this.#completions[sequence] ?? 0;
      outcomes[outcome] += 1;
      if (completions > 0) completed += 1;
      if (completions > 1) duplicated += 1;
      if (completions === 0 && outcome === 'acknowledged') lost += 1;
    }
    return {
      attempted: this.messages - outcomes['not-sent'],
      acknowledged: outcomes.acknowledged,
      failed: outcomes.failed,
      // A message without a reply is as unknown as one whose reply says so.
      unknown: outcomes.unknown + outcomes.open,
      completed,
      lost,
      duplicated,
      foreign: this.#foreign,
    };
  }

  /** Every message that was sent, in the order of sending. */
  *samples(): Generator<MessageSample> {
    for (let sequence = 0; sequence < this.messages; sequence += 1) {
      const outcome = this.outcomeOf(sequence);
      if (outcome === 'not-sent') continue;
      yield {
        sequence,
        intendedMs: this.#intendedMs[sequence] ?? Number.NaN,
        sentMs: this.#sentMs[sequence] ?? Number.NaN,
        acknowledgedMs: this.#acknowledgedMs[sequence] ?? Number.NaN,
        completedMs: this.#completedMs[sequence] ?? Number.NaN,
        completions: this.#completions[sequence] ?? 0,
        outcome,
      };
    }
  }

  #setOutcome(sequence: number, outcome: MessageOutcome): void {
    this.#outcomes[sequence] = OUTCOMES.indexOf(outcome);
  }
}

/** Without those that are NaN. */
const laterOf = (aMs: number, bMs: number): number => (aMs >= bMs || Number.isNaN(bMs) ? aMs : bMs);
