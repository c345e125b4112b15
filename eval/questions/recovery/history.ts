import { Client, type ClientOptions, type Cluster, type ClusterOptions, Queue } from '../../../src/index.ts';
import { SMALL_BYTES } from '../../bench/bench-cluster.ts';

/** Jobs that wait after every history, and at most at any time in it: the histories differ in length, not in the state that they leave. */
export const LIVE_JOBS = 1000;
/** On a busy machine a call may wait for long. */
const DEADLINE_MS = 300_000;

export const ENTRIES = ['batched', 'single'] as const;
export type Entries = (typeof ENTRIES)[number];

export interface History {
  /** Adds and removals. */
  readonly commands: number;
  /** `batched`: about 2,000 commands an entry; `single`: each command is an entry. */
  readonly entry: Entries;
}

interface Writer {
  readonly client: ClientOptions;
  /** Loops, each with the same part of the live jobs; it removes its jobs and adds as many, which makes one request or two. */
  readonly lanes: number;
}

const WRITERS: Readonly<Record<Entries, Writer>> = {
  batched: { client: { deadlineMs: DEADLINE_MS }, lanes: 2 },
  single: { client: { deadlineMs: DEADLINE_MS, batchOperationsMax: 1, outstandingBatchesMax: 256 }, lanes: LIVE_JOBS },
};

/** The limits with which each request becomes an entry: one always fits. */
export const SINGLE_ENTRIES: ClusterOptions['limits'] = { entryBytesMax: 1 };

/** Adds and removes jobs of 64 B, oldest first. Ends early when the signal aborts. @throws when the queue is not left as it should be. */
export async function writeHistory(cluster: Cluster, { commands, entry }: History, signal: AbortSignal): Promise<void> {
  const { client: options, lanes } = WRITERS[entry];
  const client = new Client(cluster, options);
  try {
    const queue = new Queue<Uint8Array>('recovery', { connection: client });
    const jobs = LIVE_JOBS / lanes;
    let left = roundsOf(commands, jobs);
    const lane = async (): Promise<void> => {
      let ids = await addJobs(queue, jobs);
      while (left > 0 && !signal.aborted) {
        left -= 1;
        // The removals are sent first, so that no more jobs wait meanwhile.
        const removed = Promise.all(ids.map((id) => queue.remove(id)));
        const added = addJobs(queue, jobs);
        [, ids] = await Promise.all([removed, added]);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (signal.aborted) return;
    const { waiting } = await queue.getJobCounts();
    if (waiting !== LIVE_JOBS) throw new Error(`${waiting} jobs wait where ${LIVE_JOBS} belong.`);
  } finally {
    await client.close();
  }
}

/** How many times as many jobs are removed and added after the first {@link LIVE_JOBS}. @throws for a length that does not divide so. */
function roundsOf(commands: number, jobs: number): number {
  const rounds = (commands - LIVE_JOBS) / (2 * jobs);
  if (!Number.isInteger(rounds) || rounds < 0) throw new RangeError(`No history of ${jobs} jobs a lane has ${commands} commands.`);
  return rounds;
}

async function addJobs(queue: Queue<Uint8Array>, jobs: number): Promise<readonly string[]> {
  const data = new Uint8Array(SMALL_BYTES);
  const added = await queue.addBulk(Array.from({ length: jobs }, () => ({ name: 'message', data })));
  return added.map(({ id }) => id);
}
