import { JobraftError } from '../base/errors.ts';

/** Jobs are waiting, and nothing will take them before the clock is advanced or the program goes on. */
export class NotDrainedError extends JobraftError {
  override readonly code = 'NOT_DRAINED';
  /** The queue with waiting jobs. */
  readonly queue: string;
  readonly waiting: number;

  constructor(queue: string, waiting: number) {
    super(
      `The queue "${queue}" has ${waiting} waiting ${waiting === 1 ? 'job' : 'jobs'}, and no worker takes ${waiting === 1 ? 'it' : 'them'}. ` +
        'Create a worker of this queue before drain(): new Worker(name, processor, { connection: cluster }).',
    );
    this.queue = queue;
    this.waiting = waiting;
  }
}
