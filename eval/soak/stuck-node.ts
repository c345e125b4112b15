import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, NodeStuckError } from '../../src/index.ts';
import { faultsOf } from '../../src/testing/index.ts';
import type { ProcessFault, StuckRemedy } from './messages.ts';
import { passMs } from './processing.ts';
import { until } from './until.ts';

type StuckNode = Extract<ProcessFault, { readonly type: 'stuck-node' }>;

/** Longer than a run: the thread stays blocked until it is ended. */
const STUCK_MS = 3_600_000;
const WAIT_MS = 60_000;
/** Time for a thread to load its code and to open its log. */
const OPENS_LOG_MS = 2_500;

/** Blocks a node's thread, waits until the cluster notices and continues without it, and applies the remedy. @returns a description. */
export async function stickNode(cluster: Cluster, { isLeader, remedy }: StuckNode, logDir: string): Promise<string> {
  const leader = await cluster.waitForLeader(WAIT_MS);
  const node = isLeader ? leader : (cluster.nodeIds().find((other) => other !== leader) ?? leader);
  const what = `node ${node} (${isLeader ? 'the leader' : 'a follower'})`;
  if (remedy === 'free') return `${what} was stuck in the operating system: ${await blockInSystem(cluster, node, logDir)}`;
  await faultsOf(cluster).pause(node, STUCK_MS);
  await until(`the reports leave out node ${node}, which is stuck`, WAIT_MS, async () => !(await replies(cluster, node)));
  await until(`a leader other than node ${node}, which is stuck`, WAIT_MS, async () => {
    const next = await cluster.leader();
    return next !== undefined && next !== node;
  });
  return `${what} was stuck, and ${await apply(remedy, cluster, node)}`;
}

async function apply(remedy: Exclude<StuckRemedy, 'free'>, cluster: Cluster, node: number): Promise<string> {
  if (remedy === 'restart') {
    await cluster.restart(node);
    await until(`node ${node} replies after its restart`, WAIT_MS, () => replies(cluster, node));
    return 'was started again';
  }
  const successor = lowestFree(cluster.nodeIds());
  await cluster.changeMembers({ add: [successor], remove: [node] });
  if (cluster.isRunning(node)) throw new Error(`Node ${node} still runs after node ${successor} replaced it.`);
  return `node ${successor} replaced it`;
}

/** A node whose log is a pipe without a reader is blocked when it opens it. */
async function blockInSystem(cluster: Cluster, node: number, logDir: string): Promise<string> {
  const log = join(logDir, `node-${node}.log`);
  const aside = `${log}.aside`;
  await faultsOf(cluster).kill(node);
  renameSync(log, aside);
  execFileSync('mkfifo', [log]);
  const restarted = cluster.restart(node).catch((error: unknown) => error);
  await passMs(OPENS_LOG_MS);
  const ended = await faultsOf(cluster)
    .kill(node)
    .catch((error: unknown) => error);
  // Where the machine is slow, the thread may have been ended before it opened its log.
  if (ended !== undefined && !(ended instanceof NodeStuckError)) throw ended;
  const reader = openSync(log, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    await until(`the thread of node ${node} ends once its call returns`, WAIT_MS, async () => {
      await faultsOf(cluster).kill(node);
      return true;
    });
    await restarted;
  } finally {
    closeSync(reader);
    renameSync(aside, log);
  }
  await cluster.restart(node);
  await until(`node ${node} replies after its restart`, WAIT_MS, () => replies(cluster, node));
  return ended === undefined ? 'it ended before it was, and was started again' : 'NODE_STUCK was reported, and it was started again';
}

const replies = async (cluster: Cluster, node: number): Promise<boolean> => (await cluster.metrics()).some((one) => one.node === node);

function lowestFree(taken: readonly number[]): number {
  let id = 1;
  while (taken.includes(id)) id += 1;
  return id;
}
