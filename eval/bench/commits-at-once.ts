import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ThreadBarrier } from './thread-barrier.ts';

const WORKER_FILE = new URL('./commit-worker.js', import.meta.url);

/** Data of one thread of `commitsAtOnceMs`. */
export interface CommitTask {
  readonly file: string;
  readonly threads: number;
  /** See `ThreadBarrier`. */
  readonly barrier: SharedArrayBuffer;
  /** Milliseconds of each round's commit, as doubles: as many as there are rounds. The thread fills them in. */
  readonly tookMs: SharedArrayBuffer;
}

/**
 * SQLite commits of several files at the same time, each in its own thread. Before each commit the threads wait for each other.
 * @returns of each round the slowest commit, in milliseconds.
 * @throws an error of a thread; all threads are ended then.
 */
export async function commitsAtOnceMs(folder: string, files: number, rounds: number): Promise<readonly number[]> {
  const barrier = ThreadBarrier.newMemory();
  const tasks = Array.from({ length: files }, (_, at): CommitTask => {
    const tookMs = new SharedArrayBuffer(rounds * Float64Array.BYTES_PER_ELEMENT);
    return { file: join(folder, `floor-at-once-${at}.db`), threads: files, barrier, tookMs };
  });
  const workers = tasks.map((task) => new Worker(WORKER_FILE, { workerData: task }));
  try {
    await Promise.all(workers.map(hasEnded));
  } finally {
    // When one has failed, the others would wait for it forever.
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return slowestOfRounds(tasks.map(({ tookMs }) => new Float64Array(tookMs)));
}

const hasEnded = (worker: Worker): Promise<void> =>
  new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });

/** @param tookMs the time of each round, for each thread. */
export function slowestOfRounds(tookMs: readonly ArrayLike<number>[]): readonly number[] {
  return Array.from({ length: tookMs[0]?.length ?? 0 }, (_, round) => Math.max(...tookMs.map((ofThread) => ofThread[round] ?? 0)));
}
