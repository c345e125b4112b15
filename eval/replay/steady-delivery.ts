import type { SteadyLoad } from '../load/steady-state.ts';
import type { PayloadCodec } from '../measuring/payload.ts';
import type { Tally } from './delivery-ledger.ts';
import type { RunningSystem } from './system-under-test.ts';

interface Sent {
  isAcknowledged: boolean;
  readonly onCompleted: () => void;
}

/**
 * Messages in steady circulation: a number of them is always in progress, each of which is added, claimed and completed before the next one
 * takes its place. So the backlog is bounded, and each message is accounted for without a record of all of them.
 */
export class SteadyDelivery implements SteadyLoad {
  readonly #system: Pick<RunningSystem, 'add' | 'addOutcome'>;
  readonly #queue: string;
  readonly #payloads: PayloadCodec;
  readonly #inFlightMax: number;
  /** Those that are not completed yet, by their numbers. */
  readonly #under = new Map<number, Sent>();
  #next = 0;
  #completed = 0;
  #acknowledged = 0;
  #failed = 0;
  #duplicated = 0;
  #foreign = 0;
  #isEnded = false;

  constructor(system: Pick<RunningSystem, 'add' | 'addOutcome'>, queue: string, payloads: PayloadCodec, inFlightMax: number) {
    this.#system = system;
    this.#queue = queue;
    this.#payloads = payloads;
    this.#inFlightMax = inFlightMax;
  }

  start(): void {
    for (let lane = 0; lane < this.#inFlightMax; lane += 1) void this.#lane();
  }

  /** Sends nothing more. What is in progress is still accounted for: see {@link tally} after the queue was drained. */
  async stop(): Promise<void> {
    this.#isEnded = true;
  }

  completed(): number {
    return this.#completed;
  }

  isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether each acknowledged message was completed. */
  isDelivered(): boolean {
    return ![...this.#under.values()].some(({ isAcknowledged }) => isAcknowledged);
  }

  /** The consumer completed a message. @param sequence from its payload; `undefined` for bytes that were never sent. */
  onCompleted(sequence: number | undefined): void {
    if (sequence === undefined || sequence >= this.#next) this.#foreign += 1;
    else {
      const sent = this.#under.get(sequence);
      if (sent === undefined) this.#duplicated += 1;
      else {
        this.#under.delete(sequence);
        this.#completed += 1;
        sent.onCompleted();
      }
    }
  }

  /** After the last completion. */
  tally(): Tally {
    let lost = 0;
    let open = 0;
    for (const { isAcknowledged } of this.#under.values()) {
      if (isAcknowledged) lost += 1;
      else open += 1;
    }
    return {
      attempted: this.#next,
      acknowledged: this.#acknowledged,
      failed: this.#failed,
      unknown: open,
      completed: this.#completed,
      lost,
      duplicated: this.#duplicated,
      foreign: this.#foreign,
    };
  }

  async #lane(): Promise<void> {
    while (!this.#isEnded) {
      const sequence = this.#next;
      this.#next += 1;
      const { promise: completed, resolve: onCompleted } = Promise.withResolvers<void>();
      const sent: Sent = { isAcknowledged: false, onCompleted };
      this.#under.set(sequence, sent);
      try {
        await this.#system.add(this.#queue, this.#payloads.encode(sequence));
        sent.isAcknowledged = true;
        this.#acknowledged += 1;
        await completed;
      } catch (error) {
        // The load ends: a rate with rejected calls is not a steady one. What may have taken effect can still be completed.
        this.#isEnded = true;
        if (this.#system.addOutcome(error) === 'unknown') continue;
        this.#failed += 1;
        this.#under.delete(sequence);
      }
    }
  }
}
