import { openCluster } from '../../src/index.ts';
import { startNode } from '../../src/server/index.ts';
import type { ProcessTask, ReadyMessage } from './task-process.ts';

/** Runs the nodes of its task until its parent disconnects or ends. */
async function main(task: ProcessTask): Promise<void> {
  const ended = new Promise((resolve) => process.once('disconnect', resolve));
  await using _nodes = await start(task);
  await ended;
}

const ready = (): void => void process.send?.({ type: 'ready', wallMs: Date.now() } satisfies ReadyMessage);

async function start(task: ProcessTask): Promise<AsyncDisposable> {
  if (task.type === 'node') return await startNode(task.options, { onFormed: ready, onFailure: fail });
  const cluster = await openCluster(task.options);
  await cluster.waitForLeader();
  ready();
  return cluster;
}

/** As `jobraft serve` does: without its node the process has no purpose. */
function fail(error: Error): void {
  console.error(error.message);
  process.exit(1);
}

// A terminal's Ctrl-C reaches all processes: the nodes run until what is measured has ended.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// The parent writes the argument.
await main(JSON.parse(process.argv[2] ?? '{}') as ProcessTask);
