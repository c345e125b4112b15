import { MinHeap } from '../base/min-heap.ts';
import type { Job } from './job.ts';
import type { NamedQueue } from './named-queue.ts';
import type { RateWindow } from './rate-window.ts';

interface RunningWindow {
  readonly queue: NamedQueue<Job>;
  readonly window: RateWindow;
}

const isRunning = ({ queue, window }: RunningWindow): boolean => queue.pace?.window === window;

/** The heap is cleared of windows that were replaced once they exceed the running ones by this many. */
const REPLACED_MAX = 64;

/** The windows that run, the one that ends first on top. */
export class RunningWindows {
  readonly #heap = new MinHeap<RunningWindow>((a, b) => a.window.endMs < b.window.endMs);
  /** Windows in the heap after it was cleared. */
  #runningCount = 0;

  /** When the next window ends, in log time; Infinity if none runs. */
  get nextEndMs(): number {
    return this.#next()?.window.endMs ?? Number.POSITIVE_INFINITY;
  }

  add(queue: NamedQueue<Job>, window: RateWindow): void {
    this.#heap.push({ queue, window });
    if (this.#heap.size <= 2 * this.#runningCount + REPLACED_MAX) return;
    this.#heap.retain(isRunning);
    this.#runningCount = this.#heap.size;
  }

  /** The queue whose window ends next. */
  nextQueue(): NamedQueue<Job> | undefined {
    return this.#next()?.queue;
  }

  #next(): RunningWindow | undefined {
    let next = this.#heap.top();
    for (; next !== undefined && !isRunning(next); next = this.#heap.top()) this.#heap.pop();
    return next;
  }
}
