import type { ClaimedJob, OperationResult } from '../queue/reply.ts';
import type { RequestEncoder } from '../queue/request.ts';
import type { Batch } from './batch.ts';
import type { Call, KeptCall } from './call.ts';

/** Most requests whose late answer is waited for; beyond it the oldest is forgotten, and the leases of its jobs run out. */
const REQUESTS_MAX = 1_024;

/** Gives jobs back that no worker will run. */
type Release = (jobs: readonly ClaimedJob[], leaseMs: number) => void;

/** Claims that were given up before their answer came. If it comes, its jobs are released, since no worker would run them. */
export class LateClaims {
  readonly #release: Release;
  readonly #expected = new Map<string, Batch>();

  constructor(release: Release) {
    this.#release = release;
  }

  /** Takes the answer in place of a call that was given up. @returns undefined for a call that claims nothing. */
  successorOf(call: Call): Call | undefined {
    return call.claimLeaseMs === undefined ? undefined : new LateClaim(call.claimLeaseMs, this.#release);
  }

  /** The batch has left its session. Whatever it still awaits comes here. */
  expect(batch: Batch): void {
    const { session, sequence } = batch;
    if (session === undefined || batch.pending().next().done === true) return;
    this.#expected.set(keyOf(session.client, sequence), batch);
    if (this.#expected.size <= REQUESTS_MAX) return;
    for (const oldest of this.#expected.keys()) {
      this.#expected.delete(oldest);
      break;
    }
  }

  onAnswered(client: number, sequence: number, results: readonly OperationResult[]): void {
    const key = keyOf(client, sequence);
    const batch = this.#expected.get(key);
    if (batch === undefined || results.length !== batch.operations) return;
    this.#expected.delete(key);
    batch.answer(results);
  }
}

class LateClaim implements Call {
  readonly #leaseMs: number;
  readonly #release: Release;

  constructor(leaseMs: number, release: Release) {
    this.#leaseMs = leaseMs;
    this.#release = release;
  }

  onResult(result: OperationResult): void {
    if (result.ok && result.type === 'claimed') this.#release(result.jobs, this.#leaseMs);
  }

  onError(): void {
    // Whoever claimed was told when the claim was given up.
  }
}

/** The release of a job that no worker runs; its outcome is ignored. */
export class ReleasedJob implements KeptCall {
  readonly endsLease = true;
  readonly #untilMs: number;
  readonly #job: number;
  readonly #token: number;
  readonly #onOver: () => void;

  /** @param onOver called once it is answered, or given up. */
  constructor(job: number, token: number, untilMs: number, onOver: () => void) {
    this.#job = job;
    this.#token = token;
    this.#untilMs = untilMs;
    this.#onOver = onOver;
  }

  untilMs(): number {
    return this.#untilMs;
  }

  outlivesOutage(): boolean {
    return false;
  }

  write(encoder: RequestEncoder): void {
    encoder.release(this.#job, this.#token);
  }

  /** Released, or another holds it by now. */
  onResult(): void {
    this.#onOver();
  }

  /** Its lease runs out. */
  onError(): void {
    this.#onOver();
  }
}

const keyOf = (client: number, sequence: number): string => `${client}/${sequence}`;
