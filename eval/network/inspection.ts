import { createHash } from 'node:crypto';
import { Client, Queue } from '../../src/index.ts';
import type { RemoteCluster } from '../../src/remote/index.ts';
import { replicasOfProcesses } from '../upgrade/inspection.ts';
import { QUEUE_NAME } from '../upgrade/messages.ts';
import { until, WAIT_MS_MAX } from '../upgrade/processes.ts';
import { replicaViolations } from '../upgrade/verdict.ts';
import type { LogEntryReply, StatusReply } from './node-api.ts';
import { NODES, type NodeCluster } from './node-cluster.ts';

const MAJORITY = Math.floor(NODES.length / 2) + 1;
const PAGE = 1_000;
const FAULTS_SHOWN = 5;
const CHECKSUM_CHARACTERS = 12;

/** What is wrong with the replies to GetStatus of a settled cluster. */
export function statusFaults(statuses: readonly StatusReply[]): string[] {
  const leaders = statuses.filter(({ state }) => state === 'LEADER');
  const [leader] = leaders;
  if (leader === undefined || leaders.length > 1) return [`${leaders.length} nodes say that they lead.`];
  const faults: string[] = [];
  if (statuses.length !== NODES.length) faults.push(`${statuses.length} of ${NODES.length} nodes reply.`);
  for (const { node, state, term, leader_id } of statuses) {
    if (term !== leader.term) faults.push(`Node ${node} is in term ${term}, the leader in ${leader.term}.`);
    if (leader_id !== leader.node) faults.push(`Node ${node} follows node ${leader_id}, not ${leader.node}.`);
    if (node !== leader.node && state !== 'FOLLOWER') faults.push(`Node ${node} is ${state}.`);
  }
  const votes = statuses.filter(({ voted_for }) => voted_for === leader.node).length;
  if (votes < MAJORITY) faults.push(`${votes} nodes voted for node ${leader.node} in term ${leader.term}.`);
  return faults;
}

/** Waits until each node has the same jobs of the queue "work", by its own reads. @returns the jobs that are there. */
export async function replicatedJobs({ nodes }: Pick<NodeCluster, 'nodes'>, cluster: RemoteCluster): Promise<ReadonlySet<string>> {
  await until('all replicas are equal', async () => {
    // Their applied indexes differ while clients add.
    const replicas = (await replicasOfProcesses(cluster)).map((replica) => ({ ...replica, applied: 0 }));
    return replicaViolations(replicas, nodes.length).length === 0;
  });
  await using client = new Client(cluster, { deadlineMs: WAIT_MS_MAX });
  await using queue = new Queue(QUEUE_NAME, { connection: client });
  return new Set((await queue.getJobs()).map(({ id }) => id));
}

/** Compares the logs of all nodes, from the first entry that all have to the last that all have committed: they have one checksum if there is no fault. */
export async function logFaults(cluster: NodeCluster): Promise<LogComparison & { readonly checksum: string }> {
  const statuses = await cluster.statuses();
  const first = Math.max(...statuses.map(({ first_index }) => first_index));
  const last = Math.min(...statuses.map(({ commit_index }) => commit_index));
  const faults: string[] = [];
  const checksum = createHash('sha256');
  let entries = 0;
  for (let from = first; from <= last; ) {
    const pageEnd = Math.min(last, from + PAGE - 1);
    const pages = await Promise.all(cluster.nodes.map((node) => cluster.api(node).log(from, pageEnd)));
    // A page of large entries ends before.
    const to = Math.min(pageEnd, ...pages.map((page) => page.at(-1)?.index ?? pageEnd));
    const logs = pages.map((page) => page.filter(({ index }) => index <= to));
    from = to + 1;
    const compared = compareLogs(logs, to);
    for (const { index, term, kind, data } of logs[0] ?? []) checksum.update(`${index} ${term} ${kind} ${data.toString('base64')}\n`);
    entries += compared.entries;
    faults.push(...compared.faults);
  }
  return { entries, faults: faults.slice(0, FAULTS_SHOWN), checksum: checksum.digest('hex').slice(0, CHECKSUM_CHARACTERS) };
}

interface LogComparison {
  /** How many all nodes have. */
  readonly entries: number;
  readonly faults: readonly string[];
}

/**
 * @param logs of nodes 1, 2, …, each without what the node has compacted since.
 * @param to the last index.
 * @returns the number of entries that all have, and a line for each that is missing or not the same as the first node's.
 */
export function compareLogs(logs: readonly (readonly LogEntryReply[])[], to: number): LogComparison {
  const first = Math.max(...logs.map(([entry]) => entry?.index ?? Number.POSITIVE_INFINITY));
  const faults: string[] = [];
  const [reference = new Map<number, LogEntryReply>(), ...rest] = logs.map((log) => new Map(log.map((entry) => [entry.index, entry])));
  for (let index = first; index <= to; index += 1) {
    const expected = reference.get(index);
    for (const [at, log] of rest.entries()) {
      const entry = log.get(index);
      if (entry === undefined || expected === undefined) faults.push(`Node ${entry === undefined ? at + 2 : 1} has no entry ${index}.`);
      else if (!isSameEntry(entry, expected)) faults.push(`Entry ${index} of node ${at + 2} differs from that of node 1.`);
    }
  }
  return { entries: Math.max(0, to - first + 1), faults };
}

const isSameEntry = (one: LogEntryReply, other: LogEntryReply): boolean =>
  one.index === other.index && one.term === other.term && one.kind === other.kind && one.data.equals(other.data);
