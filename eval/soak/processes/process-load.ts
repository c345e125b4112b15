import type { ClusterEndpoint } from '../../../src/index.ts';
import { FaultLoad } from './fault-load.ts';
import { LoadGenerator } from './load-generator.ts';

/** The reply to a completion may be in transit when the queue is empty. */
const LAST_REPLIES_MS = 2_000;

/** Load from this process, on node processes. */
export class ProcessLoad extends FaultLoad implements AsyncDisposable {
  readonly #generator: LoadGenerator;
  readonly #addsPerSecond: number;

  constructor(cluster: ClusterEndpoint, addsPerSecond: number) {
    super();
    this.#addsPerSecond = addsPerSecond;
    this.#generator = new LoadGenerator(cluster, {
      onAcknowledged: (job, atMs) => this.ledger.onAcknowledged(job, atMs),
      onRejected: (outcome) => this.ledger.onRejected(outcome),
      onCompleted: (message, job) => this.ledger.onCompleted(message, job),
      onError: (text) => this.noteError(text),
    });
  }

  override start(): void {
    this.#generator.start(this.#addsPerSecond);
  }

  /** See {@link LoadGenerator.enlarge}. */
  enlarge(bytes: number): void {
    this.#generator.enlarge(bytes);
  }

  /** See {@link LoadGenerator.endDelays}. */
  async endDelays(): Promise<void> {
    await this.#generator.endDelays();
  }

  override async drained(withinMs: number): Promise<boolean> {
    this.#generator.stop();
    if (!(await this.until(() => this.#generator.inFlight === 0, withinMs))) return false;
    if (!(await this.until(() => this.#generator.isEmpty(), withinMs))) return false;
    await this.until(() => this.ledger.open === 0, LAST_REPLIES_MS);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#generator[Symbol.asyncDispose]();
  }
}
