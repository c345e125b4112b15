import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryLedger } from './delivery-ledger.ts';
import { DEADLINE_MS, POLL_MS } from './load-generator.ts';

/** The load of a cluster while faults are injected, and what became of its messages. */
export abstract class FaultLoad {
  readonly ledger = new DeliveryLedger();
  #firstError: string | undefined;

  abstract start(): void;
  /** Ends the adds, and waits until the queue is empty. @returns false when it is not in time. */
  abstract drained(withinMs: number): Promise<boolean>;

  /** The first error of a call since this was last asked. */
  takeError(): string | undefined {
    const error = this.#firstError;
    this.#firstError = undefined;
    return error;
  }

  /** Resolves once so many more adds were acknowledged. @throws when that takes a minute and a half. */
  async progressed(adds: number): Promise<void> {
    const enough = this.ledger.acknowledged + adds;
    if (!(await this.until(() => this.ledger.acknowledged >= enough, 1.5 * DEADLINE_MS)))
      throw new Error(`${adds} more adds were not acknowledged within ${(1.5 * DEADLINE_MS) / 1_000} s. ${this.takeError() ?? ''}`.trim());
  }

  protected noteError(text: string): void {
    this.#firstError ??= text;
  }

  protected async until(isTrue: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
    const untilMs = performance.now() + withinMs;
    while (!(await isTrue())) {
      if (performance.now() > untilMs) return false;
      await sleep(POLL_MS);
    }
    return true;
  }
}
