import type { ClientClock, ClientTimer } from '../clock.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';

interface DrainedEventHandlers {
  /** Whether the event has a listener; without one the cluster is not asked. */
  readonly hasListener: () => boolean;
  readonly onDrained: () => void;
}

const RETRY_MS = 100;

/**
 * Decides when a worker emits 'drained': once after it got jobs, when none is left waiting. A claim without jobs proves that. One with
 * fewer jobs than requested does not, because the leader also shortens claims whose payloads take too many bytes; then the number of
 * waiting jobs is read.
 */
export class DrainedEvent {
  readonly #queue: string;
  readonly #clock: ClientClock;
  readonly #dispatcher: Dispatcher;
  readonly #handlers: DrainedEventHandlers;
  /** The worker got jobs, the queue was not seen empty since, and no query for that is in flight. */
  #hadJobs = false;
  /** The latest claim brought fewer jobs than requested. */
  #isShort = false;
  #isAsking = false;
  #retryTimer: ClientTimer | undefined;
  #isOpen = true;

  constructor(queue: string, dispatcher: Dispatcher, handlers: DrainedEventHandlers, clock: ClientClock) {
    this.#clock = clock;
    this.#queue = queue;
    this.#dispatcher = dispatcher;
    this.#handlers = handlers;
  }

  /** A claim has its reply. @param isShort it brought fewer jobs than requested. */
  onClaimed(jobs: number, isShort: boolean): void {
    this.#isShort = isShort;
    if (jobs > 0) this.#hadJobs = true;
    if (!isShort || !this.#hadJobs) return;
    if (jobs > 0) {
      this.#ask();
    } else {
      this.#hadJobs = false;
      this.#handlers.onDrained();
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#retryTimer?.cancel();
  }

  readonly #ask = (): void => {
    this.#retryTimer = undefined;
    if (!this.#hadJobs || !this.#isShort || this.#isAsking) return;
    this.#hadJobs = false;
    if (!this.#handlers.hasListener()) return;
    this.#isAsking = true;
    try {
      this.#dispatcher.query('linearizable', (encoder) => encoder.command('counts', { queue: this.#queue }), {
        onResult: (result) => this.#onReplied(result.ok && result.type === 'counts' && result.counts.waiting === 0),
        onError: () => this.#onReplied(false),
      });
    } catch {
      this.#onReplied(false);
    }
  };

  /** @param isEmpty also false if unknown: the worker's next claim reports the error that prevents a reply. */
  #onReplied(isEmpty: boolean): void {
    this.#isAsking = false;
    if (!this.#isOpen) return;
    if (isEmpty) {
      // Jobs may have arrived meanwhile: check again.
      this.#handlers.onDrained();
      this.#ask();
    } else {
      this.#hadJobs = true;
      this.#retryTimer ??= this.#clock.setTimer(this.#ask, RETRY_MS);
    }
  }
}
