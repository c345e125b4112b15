import type { RecordChange } from '../protocol/record.ts';

/** How long encoding a checkpoint and writing it into the storage's memory may take; its commit adds about half as much. */
const WRITE_MS = 3;
/** Assumed time for a page of jobs until it is measured. */
const PAGE_MS = 0.02;
/** Measurements outside these bounds are caused by the clock or a stopped machine, not by the work. */
const PAGE_MS_MIN = 0.005;
const PAGE_MS_MAX = 0.1;
/** Smaller checkpoints are not measured: their fixed cost would count as time of their pages. */
const MEASURED_WORK_MIN = 32;
const SAMPLES_MAX = 16;

/** How much work a checkpoint may be, so that it blocks the node for only a few milliseconds: learned from the latest checkpoints. */
export class CheckpointPace {
  readonly #nowMs: () => number;
  readonly #samples: number[] = [];
  #workMax = WRITE_MS / PAGE_MS;

  /** @param nowMs monotonic ms. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** In the units of `PendingWork`. */
  get workMax(): number {
    return this.#workMax;
  }

  /** Passes the changes through and measures the time from the first to the last: the commit waits for the disk, and does not count. */
  *measured(changes: Iterable<RecordChange>, work: number): Generator<RecordChange> {
    const startedMs = this.#nowMs();
    yield* changes;
    if (work >= MEASURED_WORK_MIN) this.#learn((this.#nowMs() - startedMs) / work);
  }

  /**
   * The fastest of the latest measurements counts. The others include waiting for the processor: on a busy machine they would make
   * checkpoints smaller and more frequent, which costs more processor time.
   */
  #learn(pageMs: number): void {
    this.#samples.push(pageMs);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#workMax = WRITE_MS / Math.min(PAGE_MS_MAX, Math.max(PAGE_MS_MIN, Math.min(...this.#samples)));
  }
}
