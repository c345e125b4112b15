/** What became of the messages during one fault. */
export interface FaultCounts {
  readonly acknowledged: number;
  /** Rejected, and certainly not in the queue. */
  readonly rejected: number;
  /** Rejected, and possibly in the queue. */
  readonly unknown: number;
  /** Acknowledged, and not completed when the queue was drained. */
  readonly lost: number;
  /** Completions beyond the first: of a job, or of a message that is in a second job. */
  readonly duplicated: number;
  /** The longest time without an acknowledgement. */
  readonly longestGapMs: number;
}

/** The outcome of each message, over all faults: a job of an earlier fault must not be completed again during a later one. */
export class DeliveryLedger {
  readonly #completedJobs = new Set<string>();
  readonly #completedMessages = new Map<number, string>();
  /** Acknowledged, and not completed yet. */
  readonly #open = new Set<string>();
  #acknowledged = 0;
  #rejected = 0;
  #unknown = 0;
  #duplicated = 0;
  #longestGapMs = 0;
  #lastMs: number | undefined;

  /** Of the current fault. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get open(): number {
    return this.#open.size;
  }

  get completed(): number {
    return this.#completedJobs.size;
  }

  /** Acknowledged, and not completed yet. */
  openJobs(): readonly string[] {
    return [...this.#open];
  }

  /** @param atMs may be out of order: several processes report theirs. */
  onAcknowledged(job: string, atMs: number): void {
    this.#acknowledged += 1;
    if (this.#lastMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs, atMs - this.#lastMs);
    this.#lastMs = Math.max(this.#lastMs ?? atMs, atMs);
    if (!this.#completedJobs.has(job)) this.#open.add(job);
  }

  onRejected(outcome: string | undefined): void {
    if (outcome === 'not-applied') this.#rejected += 1;
    else this.#unknown += 1;
  }

  onCompleted(message: number, job: string): void {
    const first = this.#completedMessages.get(message) ?? job;
    if (this.#completedJobs.has(job) || first !== job) this.#duplicated += 1;
    this.#completedJobs.add(job);
    this.#completedMessages.set(message, first);
    this.#open.delete(job);
  }

  /** The cluster has the job as completed, which no process has reported. */
  onFoundCompleted(job: string): void {
    this.#completedJobs.add(job);
    this.#open.delete(job);
  }

  /** Ends a fault, and begins the next one. What is lost is counted once. */
  endFault(): FaultCounts {
    const counts = {
      ...{ acknowledged: this.#acknowledged, rejected: this.#rejected, unknown: this.#unknown },
      ...{ lost: this.#open.size, duplicated: this.#duplicated, longestGapMs: this.#longestGapMs },
    };
    this.#open.clear();
    this.#acknowledged = 0;
    this.#rejected = 0;
    this.#unknown = 0;
    this.#duplicated = 0;
    this.#longestGapMs = 0;
    this.#lastMs = undefined;
    return counts;
  }
}
