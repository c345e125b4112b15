import type { Inspection, RequestFault, RequestPolicy, RequestWait, Reservation } from '../../node/request-policy.ts';
import { MACHINE_VERSION } from '../../protocol/machine-version.ts';
import { ANY_VERSION } from '../../protocol/request-reader.ts';
import { type ClaimPlace, type InspectedRequest, inspectRequest, validateQuery } from '../../protocol/validate-request.ts';
import type { JobQueue } from '../job-queue.ts';
import type { QueueLimits } from '../limits.ts';
import { ClaimBudget } from './claim-budget.ts';
import type { ClaimDelivery } from './claim-delivery.ts';
import { PatternCheck } from './pattern-check.ts';
import { PatternTicks } from './pattern-ticks.ts';
import type { PatternTimes } from './pattern-times.ts';

export interface QueuePolicyLimits extends Pick<QueueLimits, 'payloadBytesMax'> {
  /** Most payload bytes in the reply to one claim. */
  readonly replyBytesMax: number;
}

const ACCEPTED: Inspection = Object.freeze({});

/** Requests to the queue outside of the log: claims may wait for a job, and return a bounded number of bytes. */
export class QueuePolicy implements RequestPolicy {
  readonly versionMax = MACHINE_VERSION;
  readonly delivery: ClaimDelivery | undefined;
  readonly supply: PatternTicks;
  readonly #machine: JobQueue;
  readonly #limits: QueuePolicyLimits;
  readonly #budget: ClaimBudget;
  readonly #patterns: PatternCheck;

  constructor(machine: JobQueue, limits: QueuePolicyLimits, times: PatternTimes, delivery: ClaimDelivery | undefined) {
    this.#machine = machine;
    this.#limits = limits;
    this.#budget = new ClaimBudget(machine, limits.replyBytesMax);
    this.#patterns = new PatternCheck(times);
    this.supply = new PatternTicks(machine, times);
    this.delivery = delivery;
  }

  inspect(request: Uint8Array, version: number | undefined): Inspection {
    const inspected = inspectRequest(request, this.#limits, version ?? ANY_VERSION);
    const fault = inspected.fault ?? this.#patterns.faultIn(inspected.schedulers);
    if (fault !== undefined) return { fault };
    // Claims are limited, and wait, at the leader.
    return inspected.claims.length === 0 || version === undefined ? ACCEPTED : new ClaimInspection(inspected, this.#budget);
  }

  inspectQuery(request: Uint8Array): RequestFault | undefined {
    return validateQuery(request);
  }

  /** Jobs that wait in the queue `topic`. */
  available(topic: string): number {
    return this.#machine.waitingCount(topic);
  }

  isExecuted(client: number, sequence: number): boolean {
    return this.#machine.sessions.isExecuted(client, sequence);
  }
}

class ClaimInspection implements Inspection {
  readonly wait: RequestWait | undefined;
  readonly #claims: readonly ClaimPlace[];
  readonly #budget: ClaimBudget;

  constructor({ claims, waitingClaim: claim }: InspectedRequest, budget: ClaimBudget) {
    this.wait = claim === undefined ? undefined : { topic: claim.queue, demand: claim.countMax, waitMs: claim.waitMs };
    this.#claims = claims;
    this.#budget = budget;
  }

  reserve(request: Uint8Array): Reservation {
    return this.#budget.reserve(request, this.#claims);
  }
}
