import { join } from 'node:path';
import { SeededRandom } from '../../src/base/random.ts';
import { MachineLoad } from '../soak/machine-load.ts';
import { Processes } from '../upgrade/processes.ts';
import { FLOOD_SCENARIOS } from './flood-scenario.ts';
import { JOIN_SCENARIOS, LOADED_JOIN_SCENARIOS } from './join-scenarios.ts';
import { LINK_SCENARIOS } from './link-scenarios.ts';
import { addressOf, CLIENT_ADDRESS, Links } from './links.ts';
import { type ClusterPlan, NODES, NodeCluster, PORT } from './node-cluster.ts';
import { FAULT_SCENARIOS, FIRST_SCENARIOS, LAST_SCENARIOS, RAPID_SCENARIOS, slowLinks } from './raft-scenarios.ts';
import { type Result, resultLines, runScenario, type Scenario } from './scenario.ts';
import { SlowLink } from './slow-link.ts';

export interface RunOptions {
  readonly folder: string;
  readonly isShort: boolean;
}

/** 50 ms in each direction on average; a round trip is twice as long, so the timeouts are longer than by default. */
const SLOW_QUALITY = { delayMs: 40, jitterMs: 20, loss: 0.05 };
const SLOW_TIMEOUTS = { heartbeatMs: 250, electionTimeoutMs: 1_500 };
/** Nearly no randomness: the nodes time out together. */
const RAPID_TIMEOUTS = { heartbeatMs: 40, electionTimeoutMs: 100, electionTimeoutMaxMs: 110 };
const SLOW_PORTS = 20_000;
const CLIENT = 0;
const slowPortOf = (from: number, to: number): number => SLOW_PORTS + 100 * from + to;

/** Runs all scenarios, one after the other, each with a line. @returns the exit code. */
export async function runAll(options: RunOptions): Promise<number> {
  const startedMs = performance.now();
  const run = new NetworkRun(options);
  await run.onCluster('main', { logLevel: 'debug' }, [
    ...FIRST_SCENARIOS,
    ...JOIN_SCENARIOS,
    ...FAULT_SCENARIOS,
    ...LINK_SCENARIOS,
    ...LAST_SCENARIOS,
  ]);
  await run.onCluster('load', { logLevel: 'info' }, [...FLOOD_SCENARIOS, ...LOADED_JOIN_SCENARIOS]);
  await run.onCluster('rapid', { logLevel: 'debug', raft: RAPID_TIMEOUTS }, RAPID_SCENARIOS);
  await run.overSlowLinks('slow', SLOW_TIMEOUTS, slowLinks('longer'));
  if (!options.isShort) await run.overSlowLinks('slow-default', {}, slowLinks('the default'));
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
  console.log(`${run.summary}; ${minutes} min`);
  return run.failed === 0 ? 0 : 1;
}

class NetworkRun {
  readonly #options: RunOptions;
  readonly #processes = new Processes();
  readonly #links = new Links();
  readonly #results: Result[] = [];

  constructor(options: RunOptions) {
    this.#options = options;
    process.once('exit', () => this.#processes.killAll());
  }

  get failed(): number {
    return this.#results.filter(({ faults }) => faults.length > 0).length;
  }

  get summary(): string {
    const sum = (of: (result: Result) => number): number => this.#results.reduce((all, result) => all + of(result), 0);
    const [acknowledged, lost, elections] = [sum((one) => one.acknowledged), sum((one) => one.lost), sum((one) => one.elections)];
    return `${this.#results.length} scenarios, ${this.failed} failed; ${acknowledged} adds acknowledged, ${lost} lost, ${elections} elections`;
  }

  /** Starts a cluster of its own, and stops it at the end. */
  async onCluster(name: string, plan: Omit<ClusterPlan, 'folder'>, scenarios: readonly Scenario[]): Promise<void> {
    const { folder, isShort } = this.#options;
    await using cluster = await NodeCluster.start({ ...plan, folder: join(folder, name) }, this.#links, this.#processes);
    using machine = new MachineLoad(() => cluster.pids);
    await using client = await cluster.connect();
    for (const scenario of scenarios.filter(({ isInShortForm }) => isInShortForm || !isShort)) {
      const scene = { cluster, client, links: this.#links, processes: this.#processes, machine, isShort };
      this.#report(await runScenario(scenario, scene));
    }
    const startedMs = performance.now();
    const faults = await cluster.stop();
    const scenario = { rows: 'G7', name: `SIGTERM ends each node of the cluster "${name}"`, elections: 'any' } as const;
    const seconds = (performance.now() - startedMs) / 1_000;
    this.#report({ scenario, acknowledged: 0, unknown: 0, lost: 0, elections: 0, excused: 0, operations: 0, seconds, notes: [], faults });
  }

  async overSlowLinks(name: string, raft: NonNullable<ClusterPlan['raft']>, scenario: Scenario): Promise<void> {
    await using slow = new AsyncDisposableStack();
    const random = new SeededRandom(1);
    for (const from of [CLIENT, ...NODES])
      for (const to of NODES.filter((node) => node !== from)) {
        const at = { host: CLIENT_ADDRESS, port: slowPortOf(from, to) };
        slow.use(await SlowLink.listen(at, { host: addressOf(to), port: PORT }, SLOW_QUALITY, random));
      }
    const reaches = (from: number, to: number): string => `${CLIENT_ADDRESS}:${slowPortOf(from, to)}`;
    await this.onCluster(name, { logLevel: 'debug', raft, reaches }, [scenario]);
  }

  #report(result: Result): void {
    this.#results.push(result);
    for (const line of resultLines(result)) console.log(line);
  }
}
