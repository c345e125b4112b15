import { HistoryRecorder } from '../../src/history/history.ts';
import { operationsOf } from '../../src/history/operation.ts';
import { type Cluster, JobraftError, startCluster } from '../../src/index.ts';
import { faultsOf } from '../../src/testing/index.ts';
import { injectFault } from './faults.ts';
import { HistoryFile, readHistory } from './history-file.ts';
import { checkpointed, quorumLost, settle, startStopped } from './inquiries.ts';
import { JobAudit } from './job-audit.ts';
import { KEPT_QUEUE, Load, TRIMMED_QUEUE } from './load.ts';
import type { ChildReport, ChildSettings, SoakAction, SoakCommand } from './messages.ts';
import { passMs } from './processing.ts';

/** History processes of one life of this program; a life never has this many calls in progress. */
const PROCESSES_PER_LIFE = 1_000_000;
const DRAIN_POLL_MS = 100;

/** The process under test: a cluster and its clients. Faults come from the driver; the last of them is a SIGKILL. */
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
    logs: { dir: settings.logDir },
    seed: settings.seed + settings.life,
    // Often enough that nodes which were down also catch up by snapshots.
    limits: { checkpointEntries: 400, tailEntries: 100 },
    onNodeFailure: (node, error) =>
      report({ type: 'node-failure', node, code: codeOf(error), error: `Node ${node} stopped by itself: ${error.message}` }),
    onRepair: ({ node, damage }) =>
      report({ type: 'repair', node, code: codeOf(damage), error: `The file of node ${node} was replaced: ${damage.message}` }),
  });
  await cluster.waitForLeader();
  const { addsPerSecond, seed, life } = settings;
  const audit = new JobAudit((problem) => report({ type: 'job-problem', problem }));
  const load = new Load(cluster, { recorder, addsPerSecond, seed: seed * 31 + life, audit, life });
  load.start();
  const subject: Subject = { cluster, load, audit, settings };
  process.on('message', (command: SoakCommand) => void reply(command, subject));
  // Without its driver this process has no purpose.
  process.on('disconnect', () => process.exit());
  report({ type: 'ready' });
}

interface Subject {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly audit: JobAudit;
  readonly settings: ChildSettings;
}

async function reply(command: SoakCommand, subject: Subject): Promise<void> {
  const { id } = command;
  try {
    const detail = await perform(command, subject);
    report({ type: 'done', id, detail, nodes: subject.cluster.nodeIds() });
  } catch (error) {
    report({ type: 'failed', id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

async function perform(action: SoakAction, subject: Subject): Promise<string> {
  const { cluster, settings } = subject;
  switch (action.type) {
    case 'settle':
      return settle(cluster, action.timeoutMs);
    case 'checkpoint':
      return checkpointed(cluster, action.node, action.timeoutMs);
    case 'expect-quorum-lost':
      return quorumLost(cluster, action.timeoutMs);
    case 'start-stopped':
      return startStopped(cluster, action.timeoutMs);
    case 'drain':
      return drain(action.timeoutMs, subject);
    case 'compare-and-close':
      await converged(cluster, performance.now() + action.timeoutMs);
      await cluster.close();
      return 'all replicas are equal';
    default:
      return injectFault(cluster, action, settings.logDir);
  }
}

async function drain(timeoutMs: number, { cluster, load, audit, settings }: Subject): Promise<string> {
  load.stopAdding();
  await faultsOf(cluster).heal();
  await startStopped(cluster, timeoutMs);
  const deadline = performance.now() + timeoutMs;
  let left = Number.NaN;
  while (left !== 0) {
    if (performance.now() > deadline) throw new Error(`${left} jobs were not finished ${timeoutMs} ms after the last fault.`);
    await passMs(DRAIN_POLL_MS);
    left = await load.unfinished().catch(() => Number.NaN);
  }
  const ids = knownIds(settings.historyFile);
  audit.recount();
  for (const [queue, known] of ids) await load.readAll(known, queue);
  report({ type: 'dead-letters', count: audit.deadLetters });
  await load.close();
  return `${[...ids.values()].reduce((sum, known) => sum + known.length, 0)} jobs read at the end`;
}

/** Waits until all replicas have the same state. */
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

/** Every job that a reply to any life of this process names, by queue. */
function knownIds(historyFile: string): Map<string, number[]> {
  const ids = new Map<string, Set<number>>([KEPT_QUEUE, TRIMMED_QUEUE].map((queue) => [queue, new Set()]));
  for (const operation of operationsOf(readHistory(historyFile))) {
    if (operation.f === 'add' && operation.result !== undefined) ids.get(operation.call.queue)?.add(operation.result.job);
    if (operation.f === 'claim') for (const { job } of operation.result?.jobs ?? []) ids.get(operation.call.queue)?.add(job);
  }
  return new Map([...ids].map(([queue, known]) => [queue, [...known]]));
}

const codeOf = (error: unknown): string => (error instanceof JobraftError ? error.code : 'UNKNOWN');

/** Ends the process when its driver is gone. */
const report = (message: ChildReport): void => {
  if (process.connected) process.send?.(message);
};

try {
  // The only cast: the driver starts this process, and writes its argument.
  await main(JSON.parse(process.argv[2] ?? '') as ChildSettings);
} catch (error) {
  const rejection: ChildReport = { type: 'rejected', code: codeOf(error), error: error instanceof Error ? error.message : String(error) };
  process.send?.(rejection, () => process.exit(1));
}
