import type { JobState } from '../protocol/job-state.ts';

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export const FUNCTIONS = [
  'add',
  'claim',
  'begin',
  'extend',
  'complete',
  'fail',
  'release',
  'releaseHolder',
  'counts',
  'getJob',
  'retry',
  'remove',
] as const;
export type OperationFunction = (typeof FUNCTIONS)[number];

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

/** Identifies a job before it has an id. The client that adds the job chooses it and puts it into the payload. Unique in a history. */
export type JobKey = string | number;

/**
 * The arguments of each call, by function. Optional ones are `undefined` when the recorder does not know them; checkers then assume the
 * least.
 */
export interface Calls {
  readonly add: {
    readonly key: JobKey;
    readonly queue: string;
    /** Default 0. */
    readonly priority?: number;
    /** Default 0. */
    readonly delayMs?: number;
    readonly attemptsMax?: number;
    /** The pause after the first failed attempt, which doubles with each further one if it is exponential. Unknown by default. */
    readonly backoffMs?: number;
    readonly isBackoffExponential?: boolean;
    /** How many completed (or failed) jobs the queue keeps; -1 all. Unless it is -1, a finished job may be removed at any time. */
    readonly keepCompleted?: number;
    readonly keepFailed?: number;
  };
  readonly claim: {
    readonly queue: string;
    readonly countMax: number;
    readonly leaseMs: number;
    /** Default 0. */
    readonly waitMs?: number;
    /** How many jobs the claim starts at most; the others are claimed ahead. Default: all. */
    readonly beginMax?: number;
    /** How often each job may stall before it fails. Unknown by default. */
    readonly stalledMax?: number;
    /** The process that holds the leases. Unknown by default. */
    readonly holder?: number;
  };
  readonly begin: { readonly job: number; readonly token: number };
  readonly extend: { readonly job: number; readonly token: number; readonly leaseMs: number };
  readonly complete: { readonly job: number; readonly token: number };
  /** `retry`: false sends it to the dead letters; default true. `backoff`: the job may have to wait for a pause before the next attempt. */
  readonly fail: { readonly job: number; readonly token: number; readonly retry?: boolean; readonly backoff?: boolean };
  readonly release: { readonly job: number; readonly token: number };
  /** Ends every lease of this holder. */
  readonly releaseHolder: { readonly holder: number };
  /** Only `linearizable` (the default) reads are checked. */
  readonly counts: { readonly queue: string; readonly consistency?: string };
  readonly getJob: { readonly job: number; readonly consistency?: string };
  /** `queue`: the only queue in which the job may be. */
  readonly retry: { readonly job: number; readonly queue?: string };
  readonly remove: { readonly job: number; readonly queue?: string };
}

export interface ClaimResult {
  readonly job: number;
  /** Absent when the reply has no payload of the job. */
  readonly key?: JobKey;
  readonly token: number;
  /** 1 for the first attempt. For a job that is claimed ahead: the number of its next attempt. */
  readonly attempt: number;
  /** Whether the claim started it; default true. */
  readonly isBegun?: boolean;
  /** How often in a row it was started and its lease ended. Unknown by default. */
  readonly stalls?: number;
}

/** The result of each call that took effect, by function. */
export interface Results {
  readonly add: { readonly job: number };
  readonly claim: { readonly jobs: readonly ClaimResult[] };
  readonly begin: null;
  readonly extend: null;
  readonly complete: null;
  readonly fail: null;
  readonly release: null;
  readonly releaseHolder: null;
  readonly counts: { readonly [state in JobState]?: number };
  /**
   * `state` is null when there is no such job; `token` is 0 or absent where it is unknown, as are `attempt` (started so far) and `stalls`.
   */
  readonly getJob: {
    readonly state: JobState | null;
    readonly key?: JobKey;
    readonly token?: number;
    readonly attempt?: number;
    readonly stalls?: number;
  };
  readonly retry: null;
  readonly remove: null;
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
