import { Queue } from '../../src/index.ts';
import { QUEUE_NAME } from '../upgrade/messages.ts';
import { until } from '../upgrade/processes.ts';
import { floodLoss } from './flood-scenario.ts';
import { logFaults, replicatedJobs } from './inspection.ts';
import { joinFaults } from './joining-lines.ts';
import { JOINING_NODE } from './node-cluster.ts';
import { readLogs } from './node-logs.ts';
import { type Scenario, type Stage, secondsSince } from './scenario.ts';

/** Adds that are acknowledged by a majority with the new node. */
const PROGRESS = 40;
const FLOOD_MS = 15_000;
/** They are in the snapshot. */
const SNAPSHOT_JOBS = 1_000;
const JOIN_EVENTS = ['"configuration"', '"voted"', '"election-timeout"', '"snapshot-installed"'];

/** Starts the sixth node, waits until it votes, and compares what it has with what the others have. @returns the jobs of the queue "work". */
async function join({ cluster, client, leader, term, fault, note }: Stage): Promise<ReadonlySet<string>> {
  const { commit_index: before } = await cluster.api(leader).status();
  const sinceMs = performance.now();
  await cluster.join(JOINING_NODE);
  note(`node ${JOINING_NODE} votes after ${secondsSince(sinceMs)}`);
  const { last_index: last } = await cluster.api(JOINING_NODE).status();
  if (last < before) fault(`Node ${JOINING_NODE} votes with entries up to ${last}; up to ${before} were committed before it joined.`);
  const now = await cluster.settled();
  if (now.leader === leader && now.term !== term) note(`node ${leader} leads again, in term ${now.term}`);
  const lines = readLogs(cluster.logFolder, JOIN_EVENTS);
  for (const found of joinFaults(lines, JOINING_NODE)) fault(found);
  const snapshots = lines.filter(({ node, event }) => node === JOINING_NODE && event === 'snapshot-installed').length;
  note(snapshots === 0 ? 'by AppendEntries alone' : `with ${snapshots === 1 ? 'a snapshot' : `${snapshots} snapshots`}`);
  const jobs = await replicatedJobs(cluster, client);
  const { entries, checksum, faults } = await logFaults(cluster);
  for (const found of faults) fault(found);
  if (entries === 0) fault('No entry is in the logs of all nodes.');
  note(`${entries} entries of ${cluster.nodes.length} nodes have the checksum ${checksum}`);
  return jobs;
}

const joinAtRest: Scenario = {
  ...{ rows: 'C4', name: 'a sixth node joins after the election', elections: 'none', isInShortForm: true, isAtRest: true },
  async run(stage) {
    await join(stage);
  },
};

/** Four of six are a majority only with the new one. */
const vote: Scenario = {
  ...{ rows: 'C4', name: 'the leader and a follower are killed, and the sixth node votes', elections: 'some', isInShortForm: false },
  async run({ cluster, load, leader, term, note }) {
    const follower = cluster.nodes.find((node) => node !== leader && node !== JOINING_NODE) ?? 0;
    await cluster.kill(leader);
    await cluster.kill(follower);
    const next = await cluster.leaderAfter(term);
    await load.more(PROGRESS);
    note(`node ${next.leader} leads, with ${cluster.nodes.length - 2} of ${cluster.nodes.length} nodes`);
    for (const node of [leader, follower]) cluster.begin(node);
    for (const node of [leader, follower]) await cluster.runs(node);
  },
};

const removal: Scenario = {
  ...{ rows: 'C4', name: 'the sixth node is removed', elections: 'any', isInShortForm: true },
  async run({ cluster, client, load, fault }) {
    const end = await cluster.leave(JOINING_NODE, client);
    if (!end.includes('NODE_REMOVED')) fault(`A node that was removed ends with NODE_REMOVED: ${end}`);
    await load.more(PROGRESS);
  },
};

/** What the new node lacks has left the logs of the others. */
const joinUnderLoad: Scenario = {
  ...{ rows: 'C4', name: 'a sixth node joins under heavy load, by a snapshot', elections: 'any', isInShortForm: false },
  async run(stage) {
    const { cluster, client, processes, fault, note } = stage;
    await using queue = new Queue(QUEUE_NAME, { connection: client });
    const added = await queue.addBulk(Array.from({ length: SNAPSHOT_JOBS }, (_, n) => ({ name: 'job', data: n })));
    const flooding = floodLoss(client, processes, FLOOD_MS);
    // It is awaited below, also after an error here.
    flooding.catch(() => undefined);
    await until('all nodes have compacted their logs', async () => (await cluster.statuses()).every(({ first_index }) => first_index > 1));
    const jobs = await join(stage);
    const missing = added.filter(({ id }) => !jobs.has(id)).length;
    if (missing > 0) fault(`${missing} of ${SNAPSHOT_JOBS} jobs that were added before it joined are missing.`);
    note(`${SNAPSHOT_JOBS} jobs that were added before are on ${cluster.nodes.length} nodes`);
    if (!readLogs(cluster.logFolder, ['"snapshot-installed"']).some(({ node }) => node === JOINING_NODE))
      fault(`Node ${JOINING_NODE} has joined without a snapshot.`);
    const { adds, lost } = await flooding;
    if (lost > 0) fault(`${lost} of ${adds} jobs of the flood are lost.`);
    note(`${adds} more adds by the flood, ${lost} lost`);
  },
};

/** In this order; the cluster has its five nodes again afterwards. */
export const JOIN_SCENARIOS: readonly Scenario[] = [joinAtRest, vote, removal];
export const LOADED_JOIN_SCENARIOS: readonly Scenario[] = [joinUnderLoad];
