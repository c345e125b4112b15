import { type Cluster, startCluster } from '../../src/index.ts';
import { HistoryRecorder } from '../../src/sim/history/history.ts';
import { operationsOf } from '../../src/sim/history/operation.ts';
import { injectFault } from './faults.ts';
import { HistoryFile, readHistory } from './history-file.ts';
import { KEPT_QUEUE, Load, passMs, TRIMMED_QUEUE } from './load.ts';
import type { ChildReport, ChildSettings, SoakCommand } from './messages.ts';

/** Processes of one life of this program; a life never has so many calls under way. */
const PROCESSES_PER_LIFE = 1_000_000;
const DRAIN_POLL_MS = 100;

/** The process under test: a cluster and its clients. Faults come from the driver, the last of them without a word: a SIGKILL. */
async function main(settings: ChildSettings): Promise<void> {
  const file = new HistoryFile(settings.historyFile);
  const recorder = new HistoryRecorder({
    nowUs: () => Number(process.hrtime.bigint() / 1_000n),
    onEvent: (event) => file.append(event),
    firstProcess: settings.life * PROCESSES_PER_LIFE,
    firstIndex: file.length,
  });
  const cluster = await startCluster({
    nodes: settings.nodes,
    dataDir: settings.dataDir,
    seed: settings.seed + settings.life,
    // Often enough that nodes which were away are brought up by snapshots too.
    limits: { checkpointEntries: 400, tailEntries: 100 },
    onNodeFailure: (node, error) => report({ type: 'node-failure', error: `Node ${node} stopped by itself: ${error.message}` }),
    onRepair: ({ node, damage }) => report({ type: 'node-failure', error: `The file of node ${node} was damaged: ${damage.message}` }),
  });
  await cluster.waitForLeader();
  const { addsPerSecond, seed, life } = settings;
  const load = new Load(cluster, { recorder, addsPerSecond, seed: seed * 31 + life, keyPrefix: `${life}` });
  load.start();
  process.on('message', (command: SoakCommand) => void answer(command, cluster, load, settings));
  // Without its driver this process has no purpose.
  process.on('disconnect', () => process.exit());
  report({ type: 'ready' });
}

async function answer(command: SoakCommand, cluster: Cluster, load: Load, settings: ChildSettings): Promise<void> {
  const { id } = command;
  try {
    const detail = command.type === 'drain' ? await drain(command.timeoutMs, cluster, load, settings) : await injectFault(cluster, command);
    report({ type: 'done', id, detail, nodes: cluster.nodeIds().length });
  } catch (error) {
    report({ type: 'failed', id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

async function drain(timeoutMs: number, cluster: Cluster, load: Load, settings: ChildSettings): Promise<string> {
  load.stopAdding();
  await cluster.heal();
  for (const node of cluster.nodeIds()) if (!cluster.isRunning(node)) await cluster.restart(node);
  const deadline = performance.now() + timeoutMs;
  let left = Number.NaN;
  while (left !== 0) {
    if (performance.now() > deadline) throw new Error(`${left} jobs were not finished ${timeoutMs} ms after the last fault.`);
    await passMs(DRAIN_POLL_MS);
    left = await load.unfinished().catch(() => Number.NaN);
  }
  const ids = knownIds(settings.historyFile);
  for (const [queue, known] of ids) await load.readAll(known, queue);
  await load.close();
  await converged(cluster, deadline);
  await cluster.close();
  return `${[...ids.values()].reduce((sum, known) => sum + known.length, 0)} jobs read at the end`;
}

/** All replicas come to the same state. */
async function converged(cluster: Cluster, deadlineMs: number): Promise<void> {
  for (;;) {
    const states = await cluster.replicaStates();
    const [first] = states;
    const areEqual = states.every(({ applied, digest }) => applied === first?.applied && digest === first.digest);
    if (areEqual && states.length === cluster.nodeIds().length) return;
    if (performance.now() > deadlineMs) throw new Error(`The replicas differ: ${JSON.stringify(states)}.`);
    await passMs(DRAIN_POLL_MS);
  }
}

/** Every job that any life of this process was told of, by queue. */
function knownIds(historyFile: string): Map<string, number[]> {
  const ids = new Map<string, Set<number>>([KEPT_QUEUE, TRIMMED_QUEUE].map((queue) => [queue, new Set()]));
  for (const operation of operationsOf(readHistory(historyFile))) {
    if (operation.f === 'add' && operation.result !== undefined) ids.get(operation.call.queue)?.add(operation.result.job);
    if (operation.f === 'claim') for (const { job } of operation.result?.jobs ?? []) ids.get(operation.call.queue)?.add(job);
  }
  return new Map([...ids].map(([queue, known]) => [queue, [...known]]));
}

const report = (message: ChildReport): void => void process.send?.(message);

// The only cast: the driver is the one who starts this process, and writes its argument.
await main(JSON.parse(process.argv[2] ?? '') as ChildSettings);
