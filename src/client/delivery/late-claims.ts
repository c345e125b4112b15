import type { ClaimedJob, OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { Batch } from './batch.ts';
import { deliver } from './deliver.ts';
import type { PendingOperation, RepeatedOperation } from './pending-operation.ts';

/** Maximum number of awaited late replies, and of claims in them. Beyond it the oldest is dropped, and the leases of its jobs expire. */
const REQUESTS_MAX = 1_024;
const CLAIMS_MAX = 16 * 1_024;

/** The part of a request that is kept: not its bytes, which may be many. */
interface ExpectedReply {
  readonly operations: number;
  readonly claims: readonly (readonly [at: number, claim: PendingOperation])[];
}

/** Gives jobs back that no worker will run. */
type Release = (jobs: readonly ClaimedJob[], leaseMs: number) => void;

/** Claims that were given up before their reply. If it comes, its jobs are released, since no worker would run them. */
export class LateClaims {
  readonly #release: Release;
  readonly #expected = new Map<string, ExpectedReply>();
  #claims = 0;

  constructor(release: Release) {
    this.#release = release;
  }

  /** Takes the reply in place of a call that was given up. @returns undefined for a call that claims nothing. */
  successorOf(call: PendingOperation): PendingOperation | undefined {
    return call.claimLeaseMs === undefined ? undefined : new LateClaim(call.claimLeaseMs, this.#release);
  }

  /** The batch has left its session. Its late replies come here. */
  expect(batch: Batch): void {
    const { client, sequence, operations } = batch;
    const claims = [...batch.pending()];
    if (client === 0 || claims.length === 0) return;
    this.#expected.set(keyOf(client, sequence), { operations, claims });
    this.#claims += claims.length;
    for (const oldest of this.#expected.keys()) {
      if (this.#expected.size <= REQUESTS_MAX && (this.#claims <= CLAIMS_MAX || this.#expected.size === 1)) break;
      this.#forget(oldest);
    }
  }

  onReplied(client: number, sequence: number, results: readonly OperationResult[]): void {
    const key = keyOf(client, sequence);
    const expected = this.#expected.get(key);
    if (expected === undefined || results.length !== expected.operations) return;
    this.#forget(key);
    for (const [at, claim] of expected.claims) deliver(claim, results[at] as OperationResult);
  }

  #forget(key: string): void {
    this.#claims -= this.#expected.get(key)?.claims.length ?? 0;
    this.#expected.delete(key);
  }
}

class LateClaim implements PendingOperation {
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
    // The worker got an error when the claim was given up.
  }
}

/** The release of a job that no worker runs; its outcome is ignored. */
export class ReleasedJob implements RepeatedOperation {
  readonly endsLease = true;
  readonly #untilMs: number;
  readonly #job: number;
  readonly #token: number;
  readonly #onOver: () => void;

  /** @param onOver called once it has a reply, or is given up. */
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
    encoder.command('release', { jobId: this.#job, token: this.#token });
  }

  /** Released, or held by another worker by now. */
  onResult(): void {
    this.#onOver();
  }

  /** Its lease expires. */
  onError(): void {
    this.#onOver();
  }
}

const keyOf = (client: number, sequence: number): string => `${client}/${sequence}`;
