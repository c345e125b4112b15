import type { RequestFault } from '../../node/request-policy.ts';
import { OPERATIONS_MAX } from '../../protocol/limits.ts';
import type { SchedulerPlace } from '../../protocol/validate-request.ts';
import type { PatternTimes } from './pattern-times.ts';

/** Patterns that were checked, the latest last; beyond the limit the oldest is checked again. Those of one request have space. */
const KNOWN_MAX = OPERATIONS_MAX;
/** Most patterns of one request that were not checked before: each takes some 0.1 ms, one that has no time 10 ms. */
const UNKNOWN_PER_REQUEST_MAX = 1_000;

/** Rejects job schedulers whose pattern or time zone this node does not know, before they enter the log. */
export class PatternCheck {
  readonly #times: PatternTimes;
  /** What is wrong with each, if anything is. */
  readonly #known = new Map<string, string | undefined>();

  constructor(times: PatternTimes) {
    this.#times = times;
  }

  /** @returns what is wrong with the first of them at fault; undefined if nothing is. Never throws. */
  faultIn(schedulers: readonly SchedulerPlace[]): RequestFault | undefined {
    let unknown = 0;
    for (const { pattern, tz, operation } of schedulers) {
      if (pattern === '') continue;
      const key = keyOf(pattern, tz);
      if (!this.#known.has(key)) {
        unknown += 1;
        // The client sends it again, and these are known by then.
        if (unknown > UNKNOWN_PER_REQUEST_MAX) return TOO_MANY;
        this.#keep(key, this.#faultOf(pattern, tz));
      }
      const fault = this.#known.get(key);
      if (fault !== undefined) return faultAt(operation, fault);
    }
    return undefined;
  }

  #faultOf(pattern: string, tz: string): string | undefined {
    const what = `The pattern "${pattern}" of a job scheduler${tz === '' ? '' : `, in the time zone "${tz}",`}`;
    try {
      return this.#times.next(pattern, tz, 0) === undefined ? `${what} has no time. Use one that has.` : undefined;
    } catch (error) {
      return `${what} is not valid: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #keep(key: string, fault: string | undefined): void {
    for (const first of this.#known.keys()) {
      if (this.#known.size >= KNOWN_MAX) this.#known.delete(first);
      break;
    }
    this.#known.set(key, fault);
  }
}

const TOO_MANY: RequestFault = {
  code: 'OVERLOADED',
  message: `A request has more than ${UNKNOWN_PER_REQUEST_MAX} new patterns of job schedulers. Send it again; the node goes on where it stopped.`,
  operations: [],
};

/** No zone contains the separator. */
const keyOf = (pattern: string, tz: string): string => `${tz}\n${pattern}`;

const faultAt = (operation: number, message: string): RequestFault => ({ code: 'INVALID_REQUEST', message, operations: [operation] });
