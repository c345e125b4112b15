import type { RequestFault } from '../../node/request-policy.ts';
import type { SchedulerPlace } from '../../protocol/validate-request.ts';
import type { PatternTimes } from './pattern-times.ts';

/** Patterns that were found valid, the latest last; beyond the limit the oldest is checked again. */
const KNOWN_MAX = 4_096;
/** Most patterns of one request that were not checked before: each takes some 0.1 ms. */
const UNKNOWN_PER_REQUEST_MAX = 1_000;

/** Rejects job schedulers whose pattern or time zone this node does not know, before they enter the log. */
export class PatternCheck {
  readonly #times: PatternTimes;
  readonly #known = new Set<string>();

  constructor(times: PatternTimes) {
    this.#times = times;
  }

  /** @returns what is wrong with the first of them at fault; undefined if nothing is. Never throws. */
  faultIn(schedulers: readonly SchedulerPlace[]): RequestFault | undefined {
    let unknown = 0;
    for (const { pattern, tz, operation } of schedulers) {
      if (pattern === '' || this.#known.has(keyOf(pattern, tz))) continue;
      unknown += 1;
      if (unknown > UNKNOWN_PER_REQUEST_MAX) return faultAt(operation, TOO_MANY);
      const fault = this.#faultOf(pattern, tz);
      if (fault !== undefined) return faultAt(operation, fault);
    }
    return undefined;
  }

  #faultOf(pattern: string, tz: string): string | undefined {
    const what = `The pattern "${pattern}" of a job scheduler${tz === '' ? '' : `, in the time zone "${tz}",`}`;
    try {
      if (this.#times.next(pattern, tz, 0) === undefined) return `${what} has no time. Use one that has.`;
    } catch (error) {
      return `${what} is not valid: ${error instanceof Error ? error.message : String(error)}`;
    }
    for (const first of this.#known) {
      if (this.#known.size >= KNOWN_MAX) this.#known.delete(first);
      break;
    }
    this.#known.add(keyOf(pattern, tz));
    return undefined;
  }
}

const TOO_MANY = `A request has more than ${UNKNOWN_PER_REQUEST_MAX} different patterns of job schedulers. Send them in several requests.`;

const keyOf = (pattern: string, tz: string): string => `${tz} ${pattern}`;

const faultAt = (operation: number, message: string): RequestFault => ({ code: 'INVALID_REQUEST', message, operations: [operation] });
