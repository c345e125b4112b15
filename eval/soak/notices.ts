import type { Notice } from './child-process.ts';
import type { NodeNotice } from './messages.ts';
import { until } from './until.ts';

/** Reports of nodes that an injected fault is expected to cause. */
export interface ExpectedNotices extends Disposable {
  readonly seen: readonly NodeNotice[];
  /** Waits until there are enough reports. @throws after `timeoutMs`. */
  awaitEnough(what: string, timeoutMs: number, isEnough: (seen: readonly NodeNotice[]) => boolean): Promise<void>;
}

/** Notices of the processes under test, over all their lives. */
export class Notices {
  readonly #onFailure: (error: string) => void;
  #expected: { readonly isExpected: (notice: NodeNotice) => boolean; readonly seen: NodeNotice[] } | undefined;
  readonly #deadLettersWithoutCause = new Set<string>();
  #deadLetters: number | undefined;

  /** @param onFailure receives reports that no fault explains. */
  constructor(onFailure: (error: string) => void) {
    this.#onFailure = onFailure;
  }

  /** Jobs that became dead letters although no processor failed them. */
  get deadLettersWithoutCause(): number {
    return this.#deadLettersWithoutCause.size;
  }

  /** At the end; undefined for a run that ended earlier. */
  get deadLetters(): number | undefined {
    return this.#deadLetters;
  }

  on(notice: Notice): void {
    if (notice.type === 'dead-letters') this.#deadLetters = notice.count;
    else if (notice.type === 'job-problem') {
      const { kind, job, what } = notice.problem;
      if (kind === 'dead-letter') this.#deadLettersWithoutCause.add(job);
      this.#onFailure(what);
    } else if (this.#expected?.isExpected(notice) === true) this.#expected.seen.push(notice);
    else this.#onFailure(notice.error);
  }

  /** Until it is disposed, these reports of nodes are no failures. */
  expect(isExpected: (notice: NodeNotice) => boolean): ExpectedNotices {
    const seen: NodeNotice[] = [];
    this.#expected = { isExpected, seen };
    return {
      seen,
      awaitEnough: async (what, timeoutMs, isEnough) => void (await until(what, timeoutMs, async () => isEnough(seen))),
      [Symbol.dispose]: () => {
        this.#expected = undefined;
      },
    };
  }
}
