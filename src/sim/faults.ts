import type { Fault } from './fault.ts';
import type { Split } from './fault-triggers.ts';
import { acknowledgeLate } from './late-acknowledgement.ts';
import { mayLoseDisk, REQUEST_WAITS_MS_MAX } from './lost-disks.ts';
import { rollBack } from './roll-back.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';

/** How long an operator retries a repair, and how often. */
const REPAIR_WAITS_MS_MAX = 3_000;
const REPAIR_EVERY_MS = 10;

/** In this time the nodes that were cut off catch up with the others. */
const OVERWRITTEN_WITHIN_MS = 150;

/** Injects one fault. Faults beyond what the cluster guarantees to survive (loss of the disks of a majority) are skipped. */
export function injectFault(cluster: SimCluster, fault: Fault): void {
  const { schedule, network, coverage } = cluster;
  const node = 'node' in fault ? cluster.nodes.get(fault.node) : undefined;
  switch (fault.type) {
    case 'crash':
      if (node !== undefined) cluster.stopNode(node, fault.downMs, fault.isNoticed);
      break;
    case 'fail-write':
      if (node?.isUp !== true) break;
      coverage.add(fault.survives ? 'crash after a write was on disk' : 'crash before a write was on disk');
      node.failNextWrite(fault.isFull ? 'STORAGE_FULL' : 'STORAGE_FAILED', fault.survives, fault.downMs);
      break;
    case 'stall':
      if (node?.isUp === true) node.disk.stallNextWrite(fault.durationMs);
      break;
    case 'pause':
      if (node?.isUp !== true) break;
      coverage.add('node paused');
      node.pause(fault.durationMs);
      break;
    case 'flip':
      if (node !== undefined && mayLoseDisk(cluster, node)) flip(cluster, node, fault);
      break;
    case 'lose-disk':
      if (node === undefined || !mayLoseDisk(cluster, node)) break;
      coverage.add('disk lost');
      cluster.disks.markLost(node);
      cluster.stopNode(node, fault.downMs, true);
      node.loseDisk();
      break;
    case 'repair':
      if (node !== undefined) repair(cluster, node, fault.downMs, schedule.nowMs + REPAIR_WAITS_MS_MAX);
      break;
    case 'roll-back':
      if (node !== undefined) rollBack(cluster, node, fault);
      break;
    case 'late-acknowledgement':
      if (node !== undefined) acknowledgeLate(cluster, node, fault.downMs);
      break;
    case 'partition':
      coverage.add('partition');
      separate(cluster, fault.group, fault.durationMs);
      break;
    case 'one-way':
      coverage.add('one-way partition');
      network.cut(fault.from, fault.to);
      schedule.after(fault.durationMs, () => network.uncut(fault.from, fault.to));
      break;
    case 'channel': {
      const peer = cluster.nodes.get(fault.peer);
      if (node !== undefined && peer !== undefined && node !== peer) cluster.closeChannel(node, peer);
      break;
    }
    case 'wall-clock':
      stepClock(cluster, fault.node === 0 ? cluster.leader() : node, fault.jumpMs);
      break;
    case 'suspend':
      coverage.add('everything stood still for over an hour');
      cluster.suspend(fault.durationMs);
      break;
    case 'crowd':
      cluster.clients.crowd();
      break;
    case 'hang-up':
      coverage.add('client ended with requests under way');
      cluster.clients.hangUp(fault.client);
      break;
    case 'transfer':
      cluster.sendAdminRequest({ type: 'transfer', call: 1, to: fault.to });
      break;
    case 'split-change': {
      const leader = cluster.leader();
      const voters = leader?.runtime?.view.configuration.voters ?? [];
      const others = voters.filter((voter) => voter !== leader?.nodeId);
      const remove = others.slice(0, Math.floor(voters.length / 2) + 1);
      if (!cluster.disks.areLossesKnown || remove.length * 2 <= voters.length) break;
      cluster.triggers.splitOnJoint = { group: remove, durationMs: fault.durationMs, downMs: fault.downMs };
      cluster.sendAdminRequest({ type: 'change', call: 1, add: [], remove, learners: [] });
      break;
    }
    case 're-elected-leader':
      reignTwice(cluster, fault.durationMs);
      break;
    case 'replay':
      cluster.triggers.replayUntilMs = schedule.nowMs + fault.durationMs;
      break;
    case 'isolate-leader-inbound': {
      const leader = cluster.leader();
      if (leader === undefined) break;
      coverage.add('leader received nothing');
      if (fault.isOutboundToo) separate(cluster, [leader.id], fault.durationMs);
      else dropInbound(cluster, leader, fault.durationMs);
      break;
    }
    case 'paused-leader': {
      const leader = cluster.leader();
      if (leader?.isUp !== true) break;
      coverage.add('leader slept while it was cut off');
      separate(cluster, [leader.id], 2 * fault.durationMs);
      leader.pause(fault.durationMs);
      break;
    }
    case 'isolate-transferring-leader':
      cluster.triggers.dropInboundOnTransferMs = fault.durationMs;
      cluster.sendAdminRequest({ type: 'transfer', call: 1, to: 0 });
      break;
    case 'change':
      // While a disk is rebuilt the leader knows which voters may be removed. It cannot know of a damage that is not detected yet.
      if (!cluster.disks.areLossesKnown) break;
      if (!cluster.disks.areAllSound) coverage.add('members changed while a disk was rebuilt');
      cluster.sendAdminRequest({ type: 'change', call: 1, add: fault.add, remove: fault.remove, learners: fault.learners });
      break;
  }
}

/** A larger step of a wall clock is more than a manual correction. */
const LARGE_STEP_MS = 3_600_000;

function stepClock({ coverage }: SimCluster, node: SimNode | undefined, stepMs: number): void {
  if (node === undefined) return;
  if (stepMs < 0) coverage.add('wall clock went back');
  if (Math.abs(stepMs) >= LARGE_STEP_MS) coverage.add('wall clock stepped by hours or days');
  node.wallOffsetMs += stepMs;
}

export function split(cluster: SimCluster, leader: SimNode, { group, durationMs, downMs }: Split): void {
  cluster.coverage.add('old and new members cut off from each other');
  separate(cluster, group, durationMs);
  // Not within its turn, which is in progress.
  cluster.schedule.after(0, () => cluster.stopNode(leader, downMs, false));
}

function reignTwice(cluster: SimCluster, durationMs: number): void {
  const { schedule } = cluster;
  const leader = cluster.leader();
  const follower = leader?.runtime?.view.configuration.voters.find((voter) => voter !== leader.nodeId);
  if (leader === undefined || follower === undefined) return;
  separate(cluster, [leader.id, follower], durationMs);
  schedule.after(durationMs + OVERWRITTEN_WITHIN_MS, () => {
    if (cluster.network.isHealed) return;
    separate(cluster, [follower], 2 * durationMs);
    cluster.triggers.replayUntilMs = schedule.nowMs + durationMs;
  });
  schedule.after(durationMs + 2 * OVERWRITTEN_WITHIN_MS, () => cluster.sendAdminRequest({ type: 'transfer', call: 1, to: leader.id }));
}

/** The nodes of the group and the others cannot reach each other for a while. */
function separate(cluster: SimCluster, group: readonly number[], durationMs: number): void {
  const pairs = [...cluster.nodes.keys()].flatMap((from) => [...cluster.nodes.keys()].map((to) => [from, to] as const));
  if (cluster.network.isHealed) return;
  const cut = pairs.filter(([from, to]) => group.includes(from) !== group.includes(to));
  for (const [from, to] of cut) cluster.network.cut(from, to);
  cluster.schedule.after(durationMs, () => {
    for (const [from, to] of cut) cluster.network.uncut(from, to);
  });
}

/** The node receives nothing for a while. */
export function dropInbound(cluster: SimCluster, node: SimNode, durationMs: number): void {
  const others = [...cluster.nodes.keys()].filter((id) => id !== node.id);
  for (const other of others) cluster.network.cut(other, node.id);
  cluster.schedule.after(durationMs, () => {
    for (const other of others) cluster.network.uncut(other, node.id);
  });
}

function flip(cluster: SimCluster, node: SimNode, fault: Extract<Fault, { readonly type: 'flip' }>): void {
  const rows = [...node.disk.rows()];
  const row = rows[fault.pick % rows.length];
  if (row === undefined) return;
  cluster.disks.markLost(node);
  if (node.isUp && fault.downMs > 1) cluster.stopNode(node, fault.downMs, true);
  node.disk.flipBit(row, fault.bit);
}

/**
 * Asks the leader repeatedly whether the node's disk may be discarded, as the operator of a real cluster does. Whether that is safe is
 * decided by the code under test, also while another disk is being rebuilt.
 */
function repair(cluster: SimCluster, node: SimNode, downMs: number, untilMs: number): void {
  const { schedule, coverage } = cluster;
  cluster.repairs += 1;
  const question = cluster.repairs;
  const askAgain = (): void => {
    if (schedule.nowMs > untilMs || cluster.network.isHealed) return;
    const leader = cluster.leader();
    // An operator discards no disk while a change of members is being requested.
    const isChanging = schedule.nowMs < cluster.changeRequestedMs + REQUEST_WAITS_MS_MAX;
    if (leader?.runtime !== undefined && cluster.disks.areLossesKnown && !isChanging) {
      const rejection = leader.runtime.admin.rebuildRejection(node.id, question);
      leader.wake(schedule.nowMs);
      if (rejection === undefined) {
        coverage.add(!cluster.disks.areAllSound ? 'disk given up while another was rebuilt' : 'disk given up for a repair');
        cluster.disks.markLost(node);
        if (node.isUp) cluster.stopNode(node, downMs, true);
        node.loseDisk();
        return;
      }
      coverage.add('repair rejected, or not yet granted');
    }
    schedule.after(REPAIR_EVERY_MS, askAgain);
  };
  askAgain();
}
