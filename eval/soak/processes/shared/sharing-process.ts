import { openCluster, Queue, type SharedCluster } from '../../../../src/index.ts';
import type { ReadyMessage } from '../../../processes/task-process.ts';
import { LoadGenerator } from '../load-generator.ts';
import { HeldJobs } from './held-jobs.ts';
import type { SharingCalls, SharingReport, SharingRequest, SharingTask } from './messages.ts';

const WAITING_QUEUE = 'waiting';
const BULK = 1_000;

/** One of the processes that share a folder: it adds, works, and hosts the nodes in turn, until its parent disconnects or ends. */
async function main({ options, firstMessage }: SharingTask): Promise<void> {
  const ended = new Promise((resolve) => process.once('disconnect', resolve));
  await using cluster = await openCluster(options);
  await cluster.waitForLeader();
  await using load = new LoadGenerator(
    cluster,
    {
      onAcknowledged: (job, atMs) => send({ type: 'acknowledged', job, atMs }),
      onRejected: (outcome) => send({ type: 'rejected', outcome }),
      onCompleted: (message, job) => send({ type: 'completed', message, job }),
      onError: (text) => send({ type: 'error', text }),
    },
    firstMessage,
  );
  await using held = new HeldJobs(cluster);
  await using waiting = new Queue<null>(WAITING_QUEUE, { connection: cluster });
  const calls = callsOf(cluster, load, held, waiting);
  // The parent sends nothing else.
  process.on('message', (request) => void reply(calls, request as SharingRequest));
  process.send?.({ type: 'ready', wallMs: Date.now() } satisfies ReadyMessage);
  await ended;
}

const callsOf = (cluster: SharedCluster, load: LoadGenerator, held: HeldJobs, waiting: Queue<null>): SharingCalls => ({
  isHost: () => cluster.isHost,
  start: (addsPerSecond) => load.start(addsPerSecond),
  stop: () => load.stop(),
  enlarge: (bytes) => load.enlarge(bytes),
  inFlight: () => load.inFlight,
  isEmpty: () => load.isEmpty(),
  completedOf: (jobs) => load.completedOf(jobs),
  term: async () => {
    const statuses = await Promise.all(cluster.nodeIds().map((node) => cluster.status(node).catch(() => undefined)));
    return Math.max(0, ...statuses.map((status) => status?.term ?? 0));
  },
  running: () => cluster.nodeIds().filter((node) => cluster.isRunning(node)).length,
  startStopped: async () => {
    for (const node of cluster.nodeIds()) if (!cluster.isRunning(node)) await cluster.restart(node);
  },
  addWaiting: async (count) => {
    for (let left = count; left > 0; left -= BULK)
      await waiting.addBulk(Array.from({ length: Math.min(BULK, left) }, () => ({ name: 'waiting', data: null })));
  },
  waiting: async () => (await waiting.getJobCounts()).waiting,
  hold: (count) => held.hold(count),
  letGo: () => held.letGo(),
  takeHeld: (count) => held.take(count),
});

async function reply(calls: SharingCalls, { id, call, args }: SharingRequest): Promise<void> {
  try {
    const run = calls[call] as (...given: readonly unknown[]) => unknown;
    send({ type: 'reply', id, value: await run(...args) });
  } catch (error) {
    send({ type: 'reply', id, error: error instanceof Error ? error.message : String(error) });
  }
}

function send(report: SharingReport): void {
  if (process.connected) process.send?.(report);
}

// A terminal's Ctrl-C reaches all processes: the driver ends them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// The parent writes the argument.
await main(JSON.parse(process.argv[2] ?? '{}') as SharingTask);
