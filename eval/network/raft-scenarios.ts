import { QUEUE_NAME } from '../upgrade/messages.ts';
import { until } from '../upgrade/processes.ts';
import { others, pairs } from './cuts.ts';
import { logFaults, replicatedJobs, statusFaults } from './inspection.ts';
import type { NodeApi } from './node-api.ts';
import { NODES } from './node-cluster.ts';
import { electionTexts, readLogs } from './node-logs.ts';
import { pass, type Scenario, type Stage, secondsSince } from './scenario.ts';

const QUIET_MS = { short: 3_000, full: 10_000 };
const REPLICATED = 20;
const ADD_MS_MAX = 10_000;
/** A leader whose last entries arrived at the next one is tried again. */
const CONFLICT_ROUNDS_MAX = 5;
/** Adds that are acknowledged by the next leader. */
const PROGRESS = 40;

const quiet = ({ isShort }: Stage): Promise<void> => pass(isShort ? QUIET_MS.short : QUIET_MS.full);

/** All of `texts` are in the nodes' logs. */
function expectTexts({ cluster, fault }: Stage, texts: readonly string[]): void {
  const logged = new Set(readLogs(cluster.logFolder, texts).map(({ text }) => text));
  for (const text of texts) if (!logged.has(text)) fault(`No log has the line "${text}".`);
}

const election: Scenario = {
  ...{ rows: 'G6 C1 C6', name: 'leader election, then heartbeats', elections: 'none', isInShortForm: true },
  async run(stage) {
    const { cluster, leader, term, fault, note } = stage;
    await quiet(stage);
    const after = await cluster.settled();
    if (after.leader !== leader || after.term !== term)
      fault(`Node ${after.leader} leads in term ${after.term}, not node ${leader} in term ${term}.`);
    const texts = electionTexts(leader, others(leader));
    expectTexts(stage, texts);
    note(`node ${leader} leads in term ${term}; ${texts.length} log lines of the election are there`);
  },
};

const status: Scenario = {
  ...{ rows: 'G6 G3', name: 'leader status by GetStatus', elections: 'none', isInShortForm: true },
  async run({ cluster, fault }) {
    for (const found of statusFaults(await cluster.statuses())) fault(found);
  },
};

const replication: Scenario = {
  ...{ rows: 'G6 G2', name: 'replication to every follower, of adds by each node', elections: 'none', isInShortForm: true },
  async run({ cluster, client, fault, note }) {
    const ids: string[] = [];
    const addBy = async (node: number): Promise<void> => {
      for (let n = 0; n < REPLICATED; n += 1) ids.push(await cluster.api(node).add(QUEUE_NAME, n, ADD_MS_MAX));
    };
    await Promise.all(NODES.map(addBy));
    const found = await replicatedJobs(cluster, client);
    const lost = ids.filter((id) => !found.has(id));
    if (lost.length > 0) fault(`${lost.length} acknowledged jobs are lost: ${lost.join(', ')}.`);
    note(`${REPLICATED} more adds by each of ${NODES.length} nodes; ${NODES.length} equal replicas`);
  },
};

const leaderFailure: Scenario = {
  ...{ rows: 'G6 C2', name: 'the leader is killed, another one is elected', elections: 'some', isInShortForm: true },
  async run(stage) {
    const { cluster, load, isShort, note } = stage;
    const gaps: string[] = [];
    for (let kill = 0; kill < (isShort ? 1 : 5); kill += 1) {
      const { leader, term } = await cluster.settled();
      await cluster.kill(leader);
      const sinceMs = performance.now();
      const next = await cluster.leaderAfter(term);
      gaps.push(secondsSince(sinceMs));
      await load.more(PROGRESS);
      expectTexts(stage, [`Node ${next.leader} becomes leader`]);
      cluster.begin(leader);
      await cluster.runs(leader);
    }
    note(`a new leader after ${gaps.join(', ')}`);
  },
};

/** @returns the number of entries that one has where the other has entries of another term. */
async function conflicts(one: NodeApi, other: NodeApi): Promise<number> {
  const { commit_index, last_index } = await one.status();
  const terms = new Map((await other.log(commit_index, last_index)).map(({ index, term }) => [index, term]));
  return (await one.log(commit_index, last_index)).filter(({ index, term }) => terms.has(index) && terms.get(index) !== term).length;
}

/** The leader appends what it cannot replicate; the next leader has other entries there. */
const inconsistency: Scenario = {
  ...{ rows: 'C5', name: 'the next leader overwrites entries that were not replicated', elections: 'some', isInShortForm: true },
  async run(stage) {
    const { cluster, links, load, fault, note } = stage;
    let { leader, term } = stage;
    let overwritten = 0;
    for (let round = 0; round < CONFLICT_ROUNDS_MAX && overwritten === 0; round += 1) {
      if (round > 0) ({ leader, term } = await cluster.settled());
      links.block(pairs((one, other) => one === leader || other === leader));
      // Clients that await the reply to what may have arrived send nothing more: this one is behind it.
      const behind = cluster.api(leader).add(QUEUE_NAME, 'behind', ADD_MS_MAX);
      behind.catch(() => undefined);
      const next = await cluster.leaderAfter(term);
      await load.more(PROGRESS);
      overwritten = await conflicts(cluster.api(leader), cluster.api(next.leader));
      links.restore();
    }
    if (overwritten === 0) return fault('No leader had entries that it could not replicate.');
    note(`${overwritten} entries of node ${leader} were overwritten`);
    const overwrites = new RegExp(`^Node ${leader} deletes its log from entry \\d+ on: it conflicts with the leader's$`);
    await until(`node ${leader} overwrites its log`, () =>
      readLogs(cluster.logFolder, ['"truncated"']).some(({ text }) => overwrites.test(text)),
    );
  },
};

const consistency: Scenario = {
  ...{ rows: 'G6 G3', name: 'log consistency by GetLog: index, term and command', elections: 'none', isInShortForm: true },
  async run({ cluster, fault, note }) {
    const { entries, checksum, faults } = await logFaults(cluster);
    for (const found of faults) fault(found);
    if (entries === 0) fault('No entry is in the logs of all nodes.');
    note(`${entries} entries of ${cluster.nodes.length} nodes have the checksum ${checksum}`);
  },
};

/** All nodes lose all others at the same moment, again and again. */
const rapidTimeouts: Scenario = {
  ...{ rows: 'C3 C7', name: 'all nodes time out together, again and again', elections: 'some', isInShortForm: true },
  async run({ cluster, links, isShort, term, note }) {
    const rounds = isShort ? 6 : 25;
    for (let round = 0; round < rounds; round += 1) {
      links.unplug(...NODES);
      await pass(300);
      links.plug(...NODES);
      await pass(300);
    }
    const sinceMs = performance.now();
    const after = await cluster.settled();
    note(`${rounds} rounds, then one leader after ${secondsSince(sinceMs)}, ${after.term - term} terms later`);
  },
};

/** In this order on one cluster; `consistency` is last, after all faults. */
export const FIRST_SCENARIOS: readonly Scenario[] = [election, status, replication];
export const FAULT_SCENARIOS: readonly Scenario[] = [leaderFailure, inconsistency];
export const LAST_SCENARIOS: readonly Scenario[] = [consistency];
export const RAPID_SCENARIOS: readonly Scenario[] = [rapidTimeouts];

/** @param timeouts those of the nodes. */
export const slowLinks = (timeouts: string): Scenario => ({
  ...{ rows: 'G5', name: `all links are slow and lose segments, with ${timeouts} timeouts`, elections: 'any', isInShortForm: true },
  async run({ load, isShort }) {
    await Promise.all([load.more(isShort ? 50 : 200), pass(isShort ? 5_000 : 20_000)]);
  },
});
