import type { Pipeline } from './pipeline.ts';

interface DrainedEventHandlers {
  /** Whether the event has a listener; without one nothing is asked. */
  readonly isHeard: () => boolean;
  readonly onDrained: () => void;
}

const RETRY_MS = 100;

/**
 * Decides when a worker emits 'drained': once after it got jobs, when none is left waiting. A claim that brings nothing says so. One that
 * brings fewer jobs than it asked for does not, because the leader also shortens claims whose payloads take too many bytes; then the
 * number of waiting jobs is read.
 */
export class DrainedEvent {
  readonly #queue: string;
  readonly #pipeline: Pipeline;
  readonly #handlers: DrainedEventHandlers;
  /** The worker got jobs, and neither was the queue seen empty since, nor is that being asked. */
  #hadJobs = false;
  /** The latest claim brought fewer jobs than it asked for. */
  #isShort = false;
  #isAsking = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #isOpen = true;

  constructor(queue: string, pipeline: Pipeline, handlers: DrainedEventHandlers) {
    this.#queue = queue;
    this.#pipeline = pipeline;
    this.#handlers = handlers;
  }

  /** A claim was answered. @param isShort it brought fewer jobs than it asked for. */
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
    clearTimeout(this.#retryTimer);
  }

  readonly #ask = (): void => {
    this.#retryTimer = undefined;
    if (!this.#hadJobs || !this.#isShort || this.#isAsking) return;
    this.#hadJobs = false;
    if (!this.#handlers.isHeard()) return;
    this.#isAsking = true;
    try {
      this.#pipeline.query('linearizable', (encoder) => encoder.counts(this.#queue), {
        onResult: (result) => this.#onReplied(result.ok && result.type === 'counts' && result.counts.waiting === 0),
        onError: () => this.#onReplied(false),
      });
    } catch {
      this.#onReplied(false);
    }
  };

  /** @param isEmpty false also when that is not known: what keeps the cluster from a reply is an error of the worker's next claim. */
  #onReplied(isEmpty: boolean): void {
    this.#isAsking = false;
    if (!this.#isOpen) return;
    if (isEmpty) {
      // Jobs may have come meanwhile: that is asked again.
      this.#handlers.onDrained();
      this.#ask();
    } else {
      this.#hadJobs = true;
      this.#retryTimer ??= setTimeout(this.#ask, RETRY_MS);
    }
  }
}
