import type { LogIndex } from '../base/ids.ts';
import type { ClaimPlace } from '../protocol/validate-request.ts';
import type { JobQueue } from '../queue/job-queue.ts';

/** Jobs that claims in the log will take, by queue. */
interface Ahead {
  readonly index: LogIndex;
  readonly takes: readonly Take[];
}

export interface Take {
  readonly queue: string;
  readonly count: number;
}

/** A request and its claims. */
export interface ClaimingRequest {
  readonly request: Uint8Array;
  readonly claims: readonly ClaimPlace[];
  /** The claims that were limited to the budget. */
  readonly takes: readonly Take[];
  /** Approximate upper bound of payload bytes in the reply to limited claims. */
  readonly replyBytes: number;
}

/**
 * Bounds the payload bytes that a claim returns. The leader lowers the number of jobs that the claim requests before the claim enters the
 * log, so replicas of every release execute the same and need no byte limit. It counts the waiting jobs, less those that claims in the log
 * take first: an estimate, since later log entries may change their order.
 */
export class ClaimBudget {
  readonly #machine: JobQueue;
  readonly #bytesMax: number;
  readonly #inLog: Ahead[] = [];
  /** Jobs that unapplied claims will take, by queue. */
  readonly #ahead = new Map<string, number>();

  constructor(machine: JobQueue, bytesMax: number) {
    this.#machine = machine;
    this.#bytesMax = bytesMax;
  }

  /** @returns the request itself, or a copy whose claims request fewer jobs, at least one each. */
  limit<Item extends ClaimingRequest>(item: Item): Item {
    const { request, claims } = item;
    if (claims.length === 0) return item;
    let limited = request;
    let bytesLeft = this.#bytesMax;
    let replyBytes = 0;
    const takes: Take[] = [];
    for (const { queue, countMax, countAt } of claims) {
      const ahead = this.#ahead.get(queue) ?? 0;
      const { count, bytes } = this.#machine.claimWithin(queue, ahead, countMax, Math.max(1, bytesLeft));
      bytesLeft -= bytes;
      replyBytes += bytes;
      takes.push({ queue, count });
      this.#ahead.set(queue, ahead + count);
      if (count === countMax) continue;
      if (limited === request) limited = request.slice();
      new DataView(limited.buffer, limited.byteOffset).setUint32(countAt, count, true);
    }
    return { ...item, request: limited, takes, replyBytes };
  }

  /** The requests are in the log. */
  onProposed(index: LogIndex, requests: readonly Pick<ClaimingRequest, 'takes'>[]): void {
    const takes = requests.flatMap((each) => each.takes);
    if (takes.length > 0) this.#inLog.push({ index, takes });
  }

  /** The requests did not enter the log. */
  onRejected(requests: readonly Pick<ClaimingRequest, 'takes'>[]): void {
    for (const { takes } of requests) this.#drop(takes);
  }

  onApplied(applied: LogIndex): void {
    let done = 0;
    for (; done < this.#inLog.length; done += 1) {
      const ahead = this.#inLog[done];
      if (ahead === undefined || ahead.index > applied) break;
      this.#drop(ahead.takes);
    }
    if (done > 0) this.#inLog.splice(0, done);
  }

  /** This node no longer leads, or leads a new term. */
  clear(): void {
    this.#inLog.length = 0;
    this.#ahead.clear();
  }

  #drop(takes: readonly Take[]): void {
    for (const { queue, count } of takes) {
      const left = (this.#ahead.get(queue) ?? 0) - count;
      if (left > 0) this.#ahead.set(queue, left);
      else this.#ahead.delete(queue);
    }
  }
}
