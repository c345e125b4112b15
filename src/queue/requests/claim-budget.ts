import type { Reservation } from '../../node/request-policy.ts';
import type { ClaimPlace } from '../../protocol/validate-request.ts';
import type { JobQueue } from '../job-queue.ts';

interface Take {
  readonly queue: string;
  readonly count: number;
}

/**
 * Bounds the payload bytes that a claim returns. The leader lowers the number of jobs that the claim requests before the claim enters the
 * log, so replicas of every release execute the same and need no byte limit. It counts the waiting jobs, less those that claims in the log
 * take first: an estimate, since later log entries may change their order.
 */
export class ClaimBudget {
  readonly #machine: JobQueue;
  readonly #bytesMax: number;
  /** Jobs that unapplied claims will take, by queue. */
  readonly #ahead = new Map<string, number>();

  constructor(machine: JobQueue, bytesMax: number) {
    this.#machine = machine;
    this.#bytesMax = bytesMax;
  }

  /** @returns the request itself, or a copy whose claims request fewer jobs, at least one each. */
  reserve(request: Uint8Array, claims: readonly ClaimPlace[]): Reservation {
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
    return { request: limited, replyBytes, release: () => this.#drop(takes) };
  }

  #drop(takes: readonly Take[]): void {
    for (const { queue, count } of takes) {
      const left = (this.#ahead.get(queue) ?? 0) - count;
      if (left > 0) this.#ahead.set(queue, left);
      else this.#ahead.delete(queue);
    }
  }
}
