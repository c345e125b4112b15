import { DeadlineError, type NodeStatus, NodeUnavailableError, NoLeaderError } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type CliCluster, type Connection, type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import type { Output, Style } from '../output.ts';

/** Longer than an election; nodes of a folder may have to be started first. */
const RUNNING_WAIT_MS = 3_000;
const STARTING_WAIT_MS = 10_000;

/** One node, as `status` prints it. */
interface NodeRow {
  readonly node: number;
  readonly isRunning: boolean;
  /** The code of the error of a node that runs and does not reply. */
  readonly problem?: string;
  /** As the node itself reports it: a leader that was replaced learns that with its next message. */
  readonly role?: NodeStatus['state'];
  readonly term?: number;
  readonly commit?: number;
  readonly applied?: number;
  /** Entries that the leader has committed and this node has not applied; absent without a leader. */
  readonly lag?: number;
}

export const status: CliCommand = {
  name: 'status',
  group: 'Cluster',
  summary: "Shows each node's role, term and progress. Without a leader it exits with code 3, for health checks.",
  arguments: [],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft status --data-dir ./data', 'jobraft status --data-dir ./data --json'],
  async run(invocation: Invocation<readonly [], ConnectionOptions>) {
    const { output, isJson } = invocation;
    await withCluster(invocation, async ({ cluster, host }) => {
      const noLeader = await leaderProblem(cluster, host === undefined ? RUNNING_WAIT_MS : STARTING_WAIT_MS);
      const asked = await Promise.all(
        cluster
          .nodeIds()
          .toSorted((one, other) => one - other)
          .map((node) => rowOf(cluster, node)),
      );
      const leader = asked.filter(({ role }) => role === 'leader').toSorted((one, other) => (other.term ?? 0) - (one.term ?? 0))[0];
      const nodes = asked.map((row) => withLag(row, leader));
      if (isJson) output.document({ host: host ?? null, leader: leader?.node ?? null, nodes });
      else print(output, host, nodes, leader?.node);
      for (const sentence of [...(cluster.silent ?? []), ...(cluster.misconnected ?? [])]) output.note(sentence);
      if (noLeader !== undefined) throw noLeader;
    });
  },
};

/** @returns the error if the cluster has no leader in time. */
async function leaderProblem(cluster: CliCluster, timeoutMs: number): Promise<NoLeaderError | undefined> {
  try {
    await cluster.waitForLeader(timeoutMs);
    return undefined;
  } catch (error) {
    if (error instanceof NoLeaderError) return error;
    throw error;
  }
}

async function rowOf(cluster: CliCluster, node: number): Promise<NodeRow> {
  if (!cluster.isRunning(node)) return { node, isRunning: false };
  try {
    const { state, term, commit, applied } = await cluster.status(node);
    return { node, isRunning: true, role: state, term, commit, applied };
  } catch (error) {
    if (!(error instanceof NodeUnavailableError || error instanceof DeadlineError)) throw error;
    return { node, isRunning: cluster.isRunning(node), problem: error.code };
  }
}

function withLag(row: NodeRow, leader: NodeRow | undefined): NodeRow {
  if (leader?.commit === undefined || row.applied === undefined) return row;
  // The nodes are asked at the same time, not at the same moment.
  return { ...row, lag: Math.max(0, leader.commit - row.applied) };
}

function hostText(host: Connection['host']): string {
  if (host === undefined) return 'each node is a process';
  if (host.isThisCommand) return 'no other process has it open, so this command hosts its nodes meanwhile';
  return `process ${host.pid ?? '(being replaced)'} hosts its nodes`;
}

function print(output: Output, host: Connection['host'], nodes: readonly NodeRow[], leader: number | undefined): void {
  output.line(`${leader === undefined ? 'The cluster has no leader' : `Node ${leader} leads`}; ${hostText(host)}.`);
  const figure = (value: number | undefined): string => (value === undefined ? '–' : String(value));
  output.table(
    ['Node', 'Role', 'Term', 'Commit', 'Applied', 'Lag', 'Running'],
    nodes.map(({ node, role, problem, term, commit, applied, lag, isRunning }) => [
      String(node),
      role ?? problem ?? '–',
      ...[term, commit, applied, lag].map(figure),
      isRunning ? 'yes' : 'no',
    ]),
    (row) => styleOf(nodes[row], leader),
  );
}

function styleOf(node: NodeRow | undefined, leader: number | undefined): Style | undefined {
  if (node?.node === leader) return 'green';
  return node?.role === undefined ? 'red' : undefined;
}
