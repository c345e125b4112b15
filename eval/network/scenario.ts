import { setTimeout as sleep } from 'node:timers/promises';
import type { RemoteCluster } from '../../src/remote/index.ts';
import { type Election, electionsIn } from '../soak/elections.ts';
import { describeMoment, isBusy, type MachineLoad } from '../soak/machine-load.ts';
import type { Processes } from '../upgrade/processes.ts';
import type { Links } from './links.ts';
import type { NodeCluster } from './node-cluster.ts';
import { leaderViolations, readLogs } from './node-logs.ts';
import { type LoadReport, RecordedLoad } from './recorded-load.ts';

/** What a scenario works on. */
export interface Scene {
  readonly cluster: NodeCluster;
  readonly client: RemoteCluster;
  readonly links: Links;
  readonly processes: Processes;
  readonly machine: Pick<MachineLoad, 'before'>;
  readonly isShort: boolean;
}

/** What a scenario has while clients add, work and read, or before they do. */
export interface Stage extends Scene {
  readonly load: RecordedLoad;
  /** Before the scenario. */
  readonly leader: number;
  readonly term: number;
  /** Adds to the line that is printed at the end. */
  readonly note: (text: string) => void;
  readonly fault: (text: string) => void;
}

export interface Scenario {
  /** The rows of the systems that jobraft is compared with, such as G6. */
  readonly rows: string;
  readonly name: string;
  readonly isInShortForm: boolean;
  /** `none`: nothing in it is a reason for an election. */
  readonly elections: 'none' | 'some' | 'any';
  /** Clients begin only afterwards. Default: false. */
  readonly isAtRest?: true;
  run(stage: Stage): Promise<void>;
}

/** The counts of a scenario. */
export interface Result {
  readonly scenario: Pick<Scenario, 'rows' | 'name' | 'elections'>;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly lost: number;
  /** Terms in which a node campaigned. */
  readonly elections: number;
  /** Of these, those that a busy machine explains. */
  readonly excused: number;
  readonly operations: number;
  readonly seconds: number;
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

const SHOWN_MAX = 3;
let loads = 0;

/** Runs a scenario on a settled cluster, and leaves one. It does not throw: what fails is a fault. */
export async function runScenario(scenario: Scenario, scene: Scene): Promise<Result> {
  const { cluster, client, links, machine } = scene;
  const startedMs = performance.now();
  let fromMs = Date.now();
  const notes: string[] = [];
  const faults: string[] = [];
  let report: LoadReport | undefined;
  loads += 1;
  const load = new RecordedLoad(client, `load-${loads}`);
  try {
    const { leader, term } = await cluster.settled();
    fromMs = Date.now();
    if (scenario.isAtRest !== true) {
      load.start();
      await load.more(20);
    }
    await scenario.run({ ...scene, load, leader, term, note: (text) => notes.push(text), fault: (text) => faults.push(text) });
    links.restore();
    await cluster.settled();
    if (scenario.isAtRest === true) load.start();
    await load.more(20);
    report = await load.finish();
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
    links.restore();
    await load.abandon();
  }
  const elections = electionsIn(cluster.logFolder).filter(({ atMs }) => atMs >= fromMs);
  const judged = judgeElections(scenario.elections, elections, machine);
  faults.push(
    ...judged.faults,
    ...leaderViolations(readLogs(cluster.logFolder, ['"role":"leader"'])),
    ...cluster.faults,
    ...loadFaults(report),
  );
  return {
    ...{ scenario, notes, faults, elections: elections.length, excused: judged.excused },
    ...{ acknowledged: load.acknowledged, unknown: report?.unknown ?? 0, lost: report?.lost.length ?? 0 },
    ...{ operations: report?.history.operations ?? 0, seconds: (performance.now() - startedMs) / 1_000 },
  };
}

/** Whether the elections are those that a scenario has reasons for. A node that had to wait for a processor is a reason, too. */
export function judgeElections(
  expected: Scenario['elections'],
  elections: readonly Election[],
  machine: Pick<MachineLoad, 'before'>,
): { readonly excused: number; readonly faults: readonly string[] } {
  if (expected === 'some') return { excused: 0, faults: elections.length === 0 ? ['No node campaigned.'] : [] };
  if (expected === 'any') return { excused: 0, faults: [] };
  const moments = elections.map((election) => ({ ...election, moment: machine.before(election.atMs) }));
  const unexplained = moments.filter(({ moment }) => !isBusy(moment));
  const faults = unexplained.map(
    ({ term, nodes, moment }) => `An election without a cause: term ${term}, node ${nodes.join(', ')}; ${describeMoment(moment)}.`,
  );
  return { excused: elections.length - unexplained.length, faults };
}

function loadFaults(report: LoadReport | undefined): string[] {
  if (report === undefined) return [];
  const { lost, history } = report;
  const violations = history.verdicts.filter(({ result }) => result === 'violation');
  return [
    ...(lost.length === 0 ? [] : [`${lost.length} acknowledged jobs are lost: ${lost.slice(0, SHOWN_MAX).join(', ')}.`]),
    ...violations.flatMap(({ checker, problems }) => problems.slice(0, SHOWN_MAX).map(({ what }) => `${checker}: ${what}`)),
  ];
}

/** The line of a scenario, and a line for each fault. */
export function resultLines({
  scenario,
  acknowledged,
  unknown,
  lost,
  elections,
  excused,
  operations,
  seconds,
  notes,
  faults,
}: Result): string[] {
  const counts = [
    ...(operations === 0
      ? []
      : [`adds acknowledged ${acknowledged}, lost ${lost}, of unknown outcome ${unknown}`, `elections ${elections}`]),
    ...(excused === 0 ? [] : [`of these while the machine was busy ${excused}`]),
    ...(operations === 0 ? [] : [`operations checked ${operations}`]),
    ...notes,
    `${seconds.toFixed(1)} s`,
  ];
  const line = `${faults.length === 0 ? 'ok    ' : 'FAILED'} ${scenario.rows}  ${scenario.name}: ${counts.join('; ')}`;
  return [line, ...faults.map((fault) => `         ${fault}`)];
}

/** How long something lasted, from `sinceMs` of `performance.now()`. */
export const secondsSince = (sinceMs: number): string => `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;

export const pass = (ms: number): Promise<void> => sleep(ms);
