import type { Calls, OperationFunction, Results } from './functions.ts';

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/**
 * - `invoke` the client is about to call
 * - `ok` the call took effect once, between its invocation and now
 * - `fail` the call certainly had no effect and never will
 * - `info` the outcome is unknown: it may have taken effect, may never, or may at any later time
 *
 * An invocation that nothing follows counts as `info`.
 */
export const EVENT_TYPES = ['invoke', 'ok', 'fail', 'info'] as const;
export type HistoryEventType = (typeof EVENT_TYPES)[number];

/** One line of a history, as in Jepsen and Porcupine. */
export interface HistoryEvent {
  /** A process makes one call after the other: at most one is in progress, and none follows an `info`. */
  readonly process: number;
  readonly type: HistoryEventType;
  readonly f: OperationFunction;
  /** For `invoke` the arguments (a {@link Calls}), for `ok` the result (a {@link Results}), otherwise the reason. */
  readonly value: Json;
  /** Time in whole microseconds of one monotonic clock for the whole history. */
  readonly time: number;
  /** The event's position in the history, strictly increasing. */
  readonly index: number;
}

export interface HistoryRecorderOptions {
  /** The present time in whole microseconds; never goes back. */
  readonly nowUs: () => number;
  /** Receives every event at once instead of {@link HistoryRecorder.events}. Called for an invocation before `invoke` returns. */
  readonly onEvent?: (event: HistoryEvent) => void;
  /** The first process number; default 0. A recorder that continues an earlier history must not reuse its numbers. */
  readonly firstProcess?: number;
  /** Default 0. */
  readonly firstIndex?: number;
}

/**
 * Records the calls of clients. Each call gets a free process, so that a client may have any number of calls in progress while a
 * process makes one call after the other; a process whose call ended as `info` is never used again.
 */
export class HistoryRecorder {
  /** The events recorded so far, unless `onEvent` receives them. */
  readonly events: HistoryEvent[] = [];
  readonly #nowUs: () => number;
  readonly #onEvent: (event: HistoryEvent) => void;
  readonly #freeProcesses: number[] = [];
  #nextProcess: number;
  #nextIndex: number;

  constructor({ nowUs, onEvent, firstProcess = 0, firstIndex = 0 }: HistoryRecorderOptions) {
    this.#nowUs = nowUs;
    this.#onEvent = onEvent ?? ((event) => this.events.push(event));
    this.#nextProcess = firstProcess;
    this.#nextIndex = firstIndex;
  }

  /** Records that a call is about to be made. End it with exactly one of `ok`, `fail` and `info`, or leave it open. */
  invoke<F extends OperationFunction>(f: F, call: Calls[F]): OpenCall<F> {
    const process = this.#freeProcesses.pop() ?? this.#newProcess();
    this.#record(process, 'invoke', f, call);
    return new OpenCall<F>((type, value) => {
      this.#record(process, type, f, value);
      if (type !== 'info') this.#freeProcesses.push(process);
    });
  }

  #newProcess(): number {
    this.#nextProcess += 1;
    return this.#nextProcess - 1;
  }

  #record(process: number, type: HistoryEventType, f: OperationFunction, value: unknown): void {
    const index = this.#nextIndex;
    this.#nextIndex += 1;
    // The only cast: calls and results are JSON by their declarations above.
    this.#onEvent({ process, type, f, value: value as Json, time: this.#nowUs(), index });
  }
}

/** An invoked call. Ending it a second time changes nothing: the first outcome counts. */
export class OpenCall<F extends OperationFunction> {
  readonly #end: (type: 'ok' | 'fail' | 'info', value: unknown) => void;
  #isOver = false;

  constructor(end: (type: 'ok' | 'fail' | 'info', value: unknown) => void) {
    this.#end = end;
  }

  ok(result: Results[F]): void {
    this.#finish('ok', result);
  }

  /** @param error why the call had no effect, such as an error's code. */
  fail(error: string): void {
    this.#finish('fail', { error });
  }

  /** @param error why the outcome is unknown. */
  info(error: string): void {
    this.#finish('info', { error });
  }

  #finish(type: 'ok' | 'fail' | 'info', value: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end(type, value);
  }
}

/** One line of NDJSON, without the line's end. */
export const formatEvent = (event: HistoryEvent): string => JSON.stringify(event);
