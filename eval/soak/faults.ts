import type { Cluster } from '../../src/index.ts';
import { faultsOf } from '../../src/testing/index.ts';
import type { ProcessFault } from './messages.ts';
import { passMs } from './processing.ts';
import { stickNode } from './stuck-node.ts';

const LEADER_WAIT_MS = 20_000;
const POLL_MS = 10;

/** Injects one fault and waits for its end. @returns a description. @throws when the cluster does not recover in time. */
export async function injectFault(cluster: Cluster, action: ProcessFault, logDir: string): Promise<string> {
  switch (action.type) {
    case 'kill-leader': {
      const leader = await cluster.waitForLeader(LEADER_WAIT_MS);
      await faultsOf(cluster).kill(leader);
      if (cluster.nodeIds().length > 1) await leaderOtherThan(cluster, leader);
      await passMs(action.downMs);
      await cluster.restart(leader);
      return `killed leader ${leader}`;
    }
    case 'pause': {
      const leader = await cluster.waitForLeader(LEADER_WAIT_MS);
      const node = action.isLeader ? leader : (cluster.nodeIds().find((other) => other !== leader) ?? leader);
      await faultsOf(cluster).pause(node, action.durationMs);
      await passMs(action.durationMs);
      return `paused ${action.isLeader ? 'leader' : 'follower'} ${node}`;
    }
    case 'stuck-node':
      return stickNode(cluster, action, logDir);
    case 'partition': {
      const leader = await cluster.waitForLeader(LEADER_WAIT_MS);
      const others = cluster.nodeIds().filter((node) => node !== leader);
      const minority = [leader, ...others.slice(0, Math.floor((others.length - 1) / 2))];
      const majority = others.filter((node) => !minority.includes(node));
      await faultsOf(cluster).partition([minority, majority]);
      await passMs(action.durationMs);
      await faultsOf(cluster).heal();
      return `cut ${minority.join(',')} from ${majority.join(',')}`;
    }
    case 'isolate': {
      const leader = await cluster.waitForLeader(LEADER_WAIT_MS);
      await faultsOf(cluster).isolate(leader);
      await passMs(action.durationMs);
      await faultsOf(cluster).heal();
      return `isolated leader ${leader}`;
    }
    case 'delay':
      await faultsOf(cluster).delay({ fromMs: action.fromMs, toMs: action.toMs });
      await passMs(action.durationMs);
      await faultsOf(cluster).heal();
      return `delayed frames by ${action.fromMs} to ${action.toMs} ms`;
    case 'drop':
      await faultsOf(cluster).drop(action.probability);
      await passMs(action.durationMs);
      await faultsOf(cluster).heal();
      return `lost ${action.probability * 100} % of the frames`;
    case 'transfer':
      return `transferred leadership to ${await cluster.transferLeadership()}`;
    case 'resize':
      return resize(cluster, action.nodes);
    default:
      return action satisfies never;
  }
}

/** One node after the other; the oldest are removed first, so that every disk is replaced. */
async function resize(cluster: Cluster, nodes: number): Promise<string> {
  const before = cluster.nodeIds().length;
  while (cluster.nodeIds().length < nodes) await cluster.addNode();
  for (const node of cluster.nodeIds().slice(0, Math.max(0, cluster.nodeIds().length - nodes))) await cluster.removeNode(node);
  const { voters } = await cluster.members();
  return `from ${before} to ${voters.length} nodes (${voters.join(',')})`;
}

async function leaderOtherThan(cluster: Cluster, node: number): Promise<void> {
  const deadline = performance.now() + LEADER_WAIT_MS;
  while (performance.now() < deadline) {
    const leader = await cluster.leader();
    if (leader !== undefined && leader !== node) return;
    await passMs(POLL_MS);
  }
  throw new Error(`No leader ${LEADER_WAIT_MS} ms after node ${node} was killed.`);
}
