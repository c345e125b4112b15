import { workerData } from 'node:worker_threads';
import type { CommitTask } from './commits-at-once.ts';
import { FloorDatabase } from './floor-database.ts';
import { ThreadBarrier } from './thread-barrier.ts';

// The only cast: this thread is started in one place, with this data.
const { file, threads, barrier: memory, tookMs } = workerData as CommitTask;
const barrier = new ThreadBarrier(threads, memory);
const took = new Float64Array(tookMs);
using database = new FloorDatabase(file);
for (let round = 0; round < took.length; round += 1) {
  barrier.arriveAndWait();
  const before = performance.now();
  database.commit();
  took[round] = performance.now() - before;
}
