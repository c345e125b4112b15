import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ManagedProcess, type Processes, until } from '../upgrade/processes.ts';
import { filesOf, makeCertificates } from './certificates.ts';
import { LEARNER, Learner } from './learner.ts';
import { GO, missingOf, PYTHON } from './packages.ts';
import { judge, type RecordedResult } from './recorded.ts';
import { NODES, ServeCluster } from './serve-cluster.ts';
import { goClient, pythonProgram, pythonStubs } from './stubs.ts';

const END_MS_MAX = 300_000;
/** Between the restart of a node and the next kill. */
const CALM_MS = 500;
/** For each kill. */
const ADDS_MIN = 5;

export interface RunOptions {
  readonly folder: string;
  readonly kills: number;
  /** All channels use mutual TLS. */
  readonly isSecured: boolean;
}

/** A client that records its calls. */
interface RecordingClient {
  readonly name: string;
  readonly process: ManagedProcess;
  readonly history: string;
}

/** @returns whether every part passed. A part whose packages are missing is skipped. */
export async function run(options: RunOptions, processes: Processes): Promise<boolean> {
  const python = partOf('The Python client and learner', missingOf(PYTHON), () => pythonStubs(join(options.folder, 'python')));
  const go = partOf('The Go client', missingOf(GO), () => goClient(join(options.folder, 'go')));
  if (python === undefined && go === undefined) return true;
  const certificates = options.isSecured ? makeCertificates(join(options.folder, 'certs'), [...NODES, LEARNER]) : undefined;
  using cluster = await ServeCluster.start(join(options.folder, 'cluster'), processes, certificates);
  const clients: RecordingClient[] = [];
  const start = (name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void => {
    const history = join(options.folder, `${name}.ndjson`);
    const own = [history, cluster.endpoints.join(','), ...filesOf(certificates?.('client-test'))];
    const started = processes.start(`The ${name} client`, command, [...args, ...own], { env });
    clients.push({ name, process: started, history });
  };
  if (python !== undefined) start('Python', '/usr/bin/python3', [pythonProgram('load.py')], python);
  if (go !== undefined) start('Go', go, []);
  for (const { name, process } of clients)
    await until(`the ${name} client runs`, () => {
      if (!process.isRunning) throw new Error(process.endText);
      return process.output.includes('runs');
    });
  const learner =
    python === undefined
      ? undefined
      : await Learner.start(cluster, processes, { environment: python, folder: options.folder, certificates });
  await killLeaders(cluster, options.kills, learner);
  const results = new Map<string, RecordedResult>();
  for (const { process } of clients) process.terminate();
  for (const { name, process, history } of clients) {
    await process.ended(END_MS_MAX);
    results.set(`The ${name} client`, judge(process, history, ADDS_MIN * options.kills));
  }
  if (learner !== undefined) results.set('The Python learner', await learner.finish());
  const ends = await cluster.stop();
  results.set('The nodes', { text: `${options.kills} leaders killed and started again`, faults: ends });
  for (const [name, { text, faults }] of results) {
    console.log(`${name}: ${faults.length === 0 ? 'passed' : 'FAILED'}: ${text}`);
    for (const fault of faults) console.log(`  ${fault}`);
  }
  return [...results.values()].every(({ faults }) => faults.length === 0);
}

function partOf<Made>(name: string, missing: string | undefined, make: () => Made): Made | undefined {
  if (missing === undefined) return make();
  console.log(`SKIPPED: ${name}, since ${missing}`);
  return undefined;
}

/** The learner is replaced late, when the nodes have compacted what a new one lacks. */
async function killLeaders(cluster: ServeCluster, kills: number, learner: Learner | undefined): Promise<void> {
  for (let killed = 0; killed < kills; killed += 1) {
    if (killed === kills - 1) await learner?.replace();
    await sleep(CALM_MS);
    await cluster.killLeader();
  }
}
