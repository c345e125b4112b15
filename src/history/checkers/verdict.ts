import type { HistoryOperation } from '../operation.ts';

/** One violation. */
export interface Problem {
  /** The violation, with the numbers of the jobs and tokens. */
  readonly what: string;
  /** Indexes of the invocations of the operations that show it. */
  readonly operations: readonly number[];
}

/** The result of a checker for a history. */
export interface Verdict {
  readonly checker: string;
  /** True only for the result `ok`. */
  readonly ok: boolean;
  /** `unknown`: the search reached its bound without a result. */
  readonly result: 'ok' | 'violation' | 'unknown';
  /** The first hundred. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  /** Number of checked operations. */
  readonly checked: number;
  /** Undefined for a checker that searches for no order. */
  readonly searches: Searches | undefined;
}

/** The searches for a linear order, one for each object. */
export interface Searches {
  readonly objects: 'jobs' | 'queues';
  readonly count: number;
  /** How many stopped at their bound. */
  readonly unknown: number;
}

const PROBLEMS_MAX = 100;

/** Collects problems, and keeps a bounded number of them. */
export class Problems {
  readonly #kept: Problem[] = [];
  #count = 0;

  /** @param operations those that show it; they are described at the end of the sentence. */
  add(what: string, ...operations: readonly HistoryOperation[]): void {
    this.#count += 1;
    if (this.#kept.length >= PROBLEMS_MAX) return;
    const shown = operations.map(describeOperation).join('; ');
    this.#kept.push({ what: shown === '' ? what : `${what}: ${shown}`, operations: operations.map((operation) => operation.invokedAt) });
  }

  get count(): number {
    return this.#count;
  }

  verdict(checker: string, checked: number, searches?: Searches): Verdict {
    const isGivenUp = searches !== undefined && searches.unknown > 0;
    const result = this.#count > 0 ? 'violation' : isGivenUp ? 'unknown' : 'ok';
    return { checker, ok: result === 'ok', result, problems: this.#kept, problemCount: this.#count, checked, searches };
  }
}

const SHOWN_MAX = 160;

/** `complete {"job":5,"token":7} -> ok (process 3, events 40..44)`. */
export function describeOperation(operation: HistoryOperation): string {
  const { f, call, outcome, result, error, process, invokedAt, returnedAt } = operation;
  const reply = outcome === 'ok' ? `ok ${cut(result)}` : `${outcome} ${error ?? ''}`;
  const until = Number.isFinite(returnedAt) ? `..${returnedAt}` : '';
  return `${f} ${cut(call)} -> ${reply.trim()} (process ${process}, events ${invokedAt}${until})`;
}

function cut(value: unknown): string {
  const text = value === null || value === undefined ? '' : JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
