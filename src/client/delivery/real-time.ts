import { getRandomValues } from 'node:crypto';
import type { ClientClock, ClientTimer } from '../clock.ts';
import type { DeliveryHost, RandomSource } from './host.ts';

/** Runs delivery in this thread's event loop: its turns, one timer, and real randomness. */
export class RealTime implements DeliveryHost {
  readonly random: RandomSource = {
    // Two clients must not open their sessions under the same number.
    nextUint32: () => getRandomValues(new Uint32Array(1))[0] as number,
    nextUnit: () => Math.random(),
  };
  #onTurnEnd: () => void = () => undefined;
  #onDue: () => void = () => undefined;
  #timer: ClientTimer | undefined;
  #immediate: NodeJS.Immediate | undefined;
  readonly #clock: ClientClock;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  atTurnEnd(run: () => void): void {
    this.#onTurnEnd = run;
    queueMicrotask(this.#deferTurnEnd);
  }

  /**
   * After a pause of the event loop timers run before the messages that arrived meanwhile are read, and a call whose reply is among these
   * must not be given up. So what is due is checked one phase later, when the messages have been handled.
   */
  wakeAt(atMs: number, run: () => void): void {
    this.#onDue = run;
    this.#timer?.cancel();
    if (atMs === Number.POSITIVE_INFINITY) clearImmediate(this.#immediate);
    else this.#timer = this.#clock.setTimer(this.#fire, Math.max(1, Math.ceil(atMs - this.#clock.nowMs())));
  }

  /** A tick scheduled by a microtask runs when no microtask is left: after everything that this turn issues. */
  readonly #deferTurnEnd = (): void => process.nextTick(this.#onTurnEnd);

  readonly #fire = (): void => {
    clearImmediate(this.#immediate);
    this.#immediate = setImmediate(this.#run);
  };

  readonly #run = (): void => {
    this.#timer?.cancel();
    this.#onDue();
  };
}
