import type { NodeRuntime } from '../node/node-runtime.ts';
import { JobQueue } from '../queue/job-queue.ts';

/** The queue of a node; only where the queue is simulated. */
export function jobQueueOf({ machine }: NodeRuntime): JobQueue {
  if (!(machine instanceof JobQueue)) throw new Error('the node runs another state machine than the job queue');
  return machine;
}
