import type { Fault } from './fault.ts';
import { acknowledgeLate } from './late-acknowledgement.ts';
import { areLossesKnown, mayLoseDisk, REQUEST_WAITS_MS_MAX } from './lost-disks.ts';
import { rollBack } from './roll-back.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** How long an operator retries a repair, and how often. */
const REPAIR_WAITS_MS_MAX = 3_000;
const REPAIR_EVERY_MS = 10;

/** In this time the nodes that were cut off catch up with the others. */
const OVERWRITTEN_WITHIN_MS = 150;

/** Injects one fault. Faults beyond what the cluster guarantees to survive (loss of the disks of a majority) are skipped. */
export function injectFault(world: World, fault: Fault): void {
  const { schedule, network, coverage } = world;
  const node = 'node' in fault ? world.nodes.get(fault.node) : undefined;
  switch (fault.type) {
    case 'crash':
      if (node !== undefined) world.stopNode(node, fault.downMs, fault.isNoticed);
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
      if (node !== undefined && mayLoseDisk(world, node)) flip(world, node, fault);
      break;
    case 'lose-disk':
      if (node === undefined || !mayLoseDisk(world, node)) break;
      coverage.add('disk lost');
      world.lostDisks.set(node.id, node.diskId);
      world.stopNode(node, fault.downMs, true);
      node.loseDisk();
      break;
    case 'repair':
      if (node !== undefined) repair(world, node, fault.downMs, schedule.nowMs + REPAIR_WAITS_MS_MAX);
      break;
    case 'roll-back':
      if (node !== undefined) rollBack(world, node, fault);
      break;
    case 'late-acknowledgement':
      if (node !== undefined) acknowledgeLate(world, node, fault.downMs);
      break;
    case 'partition':
      coverage.add('partition');
      separate(world, fault.group, fault.durationMs);
      break;
    case 'one-way':
      coverage.add('one-way partition');
      network.cut(fault.from, fault.to);
      schedule.after(fault.durationMs, () => network.uncut(fault.from, fault.to));
      break;
    case 'channel': {
      const peer = world.nodes.get(fault.peer);
      if (node !== undefined && peer !== undefined && node !== peer) world.closeChannel(node, peer);
      break;
    }
    case 'wall-clock':
      stepClock(world, fault.node === 0 ? world.leader() : node, fault.jumpMs);
      break;
    case 'suspend':
      coverage.add('everything stood still for over an hour');
      world.suspend(fault.durationMs);
      break;
    case 'crowd':
      world.clients.crowd();
      break;
    case 'hang-up':
      coverage.add('client ended with requests under way');
      world.clients.hangUp(fault.client);
      break;
    case 'transfer':
      world.sendAdminRequest({ type: 'transfer', call: 1, to: fault.to });
      break;
    case 'split-change': {
      const leader = world.leader();
      const voters = leader?.runtime?.view.configuration.voters ?? [];
      const others = voters.filter((voter) => voter !== leader?.nodeId);
      const remove = others.slice(0, Math.floor(voters.length / 2) + 1);
      if (!areLossesKnown(world) || remove.length * 2 <= voters.length) break;
      world.events.splitOnJoint = { group: remove, durationMs: fault.durationMs, downMs: fault.downMs };
      world.sendAdminRequest({ type: 'change', call: 1, add: [], remove, learners: [] });
      break;
    }
    case 're-elected-leader':
      reignTwice(world, fault.durationMs);
      break;
    case 'replay':
      world.events.replayUntilMs = schedule.nowMs + fault.durationMs;
      break;
    case 'isolate-leader-inbound': {
      const leader = world.leader();
      if (leader === undefined) break;
      coverage.add('leader received nothing');
      if (fault.isOutboundToo) separate(world, [leader.id], fault.durationMs);
      else dropInbound(world, leader, fault.durationMs);
      break;
    }
    case 'paused-leader': {
      const leader = world.leader();
      if (leader?.isUp !== true) break;
      coverage.add('leader slept while it was cut off');
      separate(world, [leader.id], 2 * fault.durationMs);
      leader.pause(fault.durationMs);
      break;
    }
    case 'isolate-transferring-leader':
      world.events.dropInboundOnTransferMs = fault.durationMs;
      world.sendAdminRequest({ type: 'transfer', call: 1, to: 0 });
      break;
    case 'change':
      // While a disk is rebuilt the leader knows which voters may be removed. It cannot know of a damage that is not detected yet.
      if (!areLossesKnown(world)) break;
      if (world.lostDisks.size > 0) coverage.add('members changed while a disk was rebuilt');
      world.sendAdminRequest({ type: 'change', call: 1, add: fault.add, remove: fault.remove, learners: fault.learners });
      break;
  }
}

/** A larger step of a wall clock is more than a manual correction. */
const LARGE_STEP_MS = 3_600_000;

function stepClock({ coverage }: World, node: SimNode | undefined, stepMs: number): void {
  if (node === undefined) return;
  if (stepMs < 0) coverage.add('wall clock went back');
  if (Math.abs(stepMs) >= LARGE_STEP_MS) coverage.add('wall clock stepped by hours or days');
  node.wallOffsetMs += stepMs;
}

/** A change of members in which the old and the new ones cannot reach each other. */
export interface Split {
  /** The members to remove. */
  readonly group: readonly number[];
  readonly durationMs: number;
  readonly downMs: number;
}

export function split(world: World, leader: SimNode, { group, durationMs, downMs }: Split): void {
  world.coverage.add('old and new members cut off from each other');
  separate(world, group, durationMs);
  // Not within its turn, which is in progress.
  world.schedule.after(0, () => world.stopNode(leader, downMs, false));
}

function reignTwice(world: World, durationMs: number): void {
  const { schedule } = world;
  const leader = world.leader();
  const follower = leader?.runtime?.view.configuration.voters.find((voter) => voter !== leader.nodeId);
  if (leader === undefined || follower === undefined) return;
  separate(world, [leader.id, follower], durationMs);
  schedule.after(durationMs + OVERWRITTEN_WITHIN_MS, () => {
    if (world.network.isHealed) return;
    separate(world, [follower], 2 * durationMs);
    world.events.replayUntilMs = schedule.nowMs + durationMs;
  });
  schedule.after(durationMs + 2 * OVERWRITTEN_WITHIN_MS, () => world.sendAdminRequest({ type: 'transfer', call: 1, to: leader.id }));
}

/** The nodes of the group and the others cannot reach each other for a while. */
function separate(world: World, group: readonly number[], durationMs: number): void {
  const pairs = [...world.nodes.keys()].flatMap((from) => [...world.nodes.keys()].map((to) => [from, to] as const));
  if (world.network.isHealed) return;
  const cut = pairs.filter(([from, to]) => group.includes(from) !== group.includes(to));
  for (const [from, to] of cut) world.network.cut(from, to);
  world.schedule.after(durationMs, () => {
    for (const [from, to] of cut) world.network.uncut(from, to);
  });
}

/** The node receives nothing for a while. */
export function dropInbound(world: World, node: SimNode, durationMs: number): void {
  const others = [...world.nodes.keys()].filter((id) => id !== node.id);
  for (const other of others) world.network.cut(other, node.id);
  world.schedule.after(durationMs, () => {
    for (const other of others) world.network.uncut(other, node.id);
  });
}

function flip(world: World, node: SimNode, fault: Extract<Fault, { readonly type: 'flip' }>): void {
  const rows = [...node.disk.rows()];
  const row = rows[fault.pick % rows.length];
  if (row === undefined) return;
  world.lostDisks.set(node.id, node.diskId);
  if (node.isUp && fault.downMs > 1) world.stopNode(node, fault.downMs, true);
  node.disk.flipBit(row, fault.bit);
}

/**
 * Asks the leader repeatedly whether the node's disk may be discarded, as the operator of a real cluster does. Whether that is safe is
 * decided by the code under test, also while another disk is being rebuilt.
 */
function repair(world: World, node: SimNode, downMs: number, untilMs: number): void {
  const { schedule, coverage } = world;
  world.repairs += 1;
  const question = world.repairs;
  const askAgain = (): void => {
    if (schedule.nowMs > untilMs || world.network.isHealed) return;
    const leader = world.leader();
    // An operator discards no disk while a change of members is being requested.
    const isChanging = schedule.nowMs < world.changeRequestedMs + REQUEST_WAITS_MS_MAX;
    if (leader?.runtime !== undefined && areLossesKnown(world) && !isChanging) {
      const rejection = leader.runtime.admin.rebuildRejection(node.id, question);
      leader.wake(schedule.nowMs);
      if (rejection === undefined) {
        coverage.add(world.lostDisks.size > 0 ? 'disk given up while another was rebuilt' : 'disk given up for a repair');
        world.lostDisks.set(node.id, node.diskId);
        if (node.isUp) world.stopNode(node, downMs, true);
        node.loseDisk();
        return;
      }
      coverage.add('repair rejected, or not yet granted');
    }
    schedule.after(REPAIR_EVERY_MS, askAgain);
  };
  askAgain();
}
