import type { RecordChange } from '../storage/port.ts';

/** How long a checkpoint may be encoded and written into the storage's memory; what its commit adds is about half as much. */
const WRITE_MS = 3;
/** What a page of jobs takes until it was measured. */
const PAGE_MS = 0.02;
/** Measurements beyond these say something about the clock or about a machine that stopped, not about the work. */
const PAGE_MS_MIN = 0.005;
const PAGE_MS_MAX = 0.1;
/** Checkpoints of less work are no measure: what each has, whatever its size, would count as if its pages had taken it. */
const MEASURED_WORK_MIN = 32;
const SAMPLES_MAX = 16;

/** How much work a checkpoint may be, so that it holds the node up for a few milliseconds only: learned from how long the latest ones took. */
export class CheckpointPace {
  readonly #nowMs: () => number;
  readonly #samples: number[] = [];
  #workMax = WRITE_MS / PAGE_MS;

  /** @param nowMs monotonic ms. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** In pages of jobs, see `PendingWork`. */
  get workMax(): number {
    return this.#workMax;
  }

  /** The changes as they are, and the time from the first to the end of the last: the commit waits for the disk, and does not count. */
  *measured(changes: Iterable<RecordChange>, work: number): Generator<RecordChange> {
    const startedMs = this.#nowMs();
    yield* changes;
    if (work >= MEASURED_WORK_MIN) this.#learn((this.#nowMs() - startedMs) / work);
  }

  /**
   * The fastest of the latest ones counts. The others waited for the processor, too: on a busy machine they would make checkpoints smaller and
   * more frequent, which costs more of it.
   */
  #learn(pageMs: number): void {
    this.#samples.push(pageMs);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#workMax = WRITE_MS / Math.min(PAGE_MS_MAX, Math.max(PAGE_MS_MIN, Math.min(...this.#samples)));
  }
}
