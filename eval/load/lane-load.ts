import type { SteadyLoad } from './steady-state.ts';

export interface LaneLoadOptions {
  /** Number of calls in flight. */
  readonly lanes: number;
  readonly call: () => Promise<unknown>;
  /** Events that one call completes. Default: 1. */
  readonly eventsOfCall?: number;
  /** The load ends once so many events are completed, such as jobs that have to fit into memory. Default: no bound. */
  readonly eventsMax?: number;
}

/** Repeats a call, with a number of calls in flight. A call that rejects ends the load. */
export class LaneLoad implements SteadyLoad {
  readonly #options: Required<LaneLoadOptions>;
  #completed = 0;
  #isEnded = false;
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(options: LaneLoadOptions) {
    this.#options = { eventsOfCall: 1, eventsMax: Number.POSITIVE_INFINITY, ...options };
  }

  start(): void {
    this.#lanes = Promise.all(Array.from({ length: this.#options.lanes }, () => this.#lane()));
    // `stop` rejects with the error; without this handler Node.js would report it as unhandled before.
    this.#lanes.catch(() => {
      this.#isEnded = true;
    });
  }

  async stop(): Promise<void> {
    this.#isEnded = true;
    await this.#lanes;
  }

  completed(): number {
    return this.#completed;
  }

  isEnded(): boolean {
    return this.#isEnded;
  }

  async #lane(): Promise<void> {
    const { call, eventsOfCall, eventsMax } = this.#options;
    while (!this.#isEnded) {
      await call();
      this.#completed += eventsOfCall;
      if (this.#completed >= eventsMax) this.#isEnded = true;
    }
  }
}
