import { replyToEarlierLife } from './earlier-life.ts';
import type { Fault, FaultType } from './fault.ts';
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

type FaultOf<Type extends FaultType> = Extract<Fault, { readonly type: Type }>;
type Inject<Type extends FaultType> = (cluster: SimCluster, fault: FaultOf<Type>) => void;

const INJECT: { readonly [Type in FaultType]: Inject<Type> } = {
  crash: onNode((cluster, node, { downMs, isNoticed }) => cluster.stopNode(node, downMs, isNoticed)),
  'fail-write': onNode(failWrite),
  stall: onNode((_cluster, node, { durationMs }) => {
    if (node.isUp) node.disk.stallNextWrite(durationMs);
  }),
  pause: onNode(pause),
  flip: onNode(flip),
  'lose-disk': onNode(loseDisk),
  repair: onNode(repair),
  'roll-back': onNode(rollBack),
  'late-acknowledgement': onNode((cluster, node, { downMs }) => acknowledgeLate(cluster, node, downMs)),
  'earlier-life': onNode((cluster, node, { silentMs }) => replyToEarlierLife(cluster, node, silentMs)),
  partition,
  'one-way': cutOneWay,
  channel: onNode(closeChannel),
  'wall-clock': stepClock,
  suspend,
  crowd: ({ clients }) => clients.crowd(),
  'hang-up': hangUp,
  transfer: (cluster, { to }) => cluster.sendAdminRequest({ type: 'transfer', call: 1, to }),
  'split-change': splitChange,
  're-elected-leader': reelectLeader,
  replay: ({ triggers, schedule }, { durationMs }) => {
    triggers.replayUntilMs = schedule.nowMs + durationMs;
  },
  'isolate-leader-inbound': isolateLeaderInbound,
  'paused-leader': pauseLeader,
  'isolate-transferring-leader': isolateTransferringLeader,
  change: changeMembers,
};

/** Injects one fault. Faults beyond what the cluster guarantees to survive (loss of the disks of a majority) are skipped. */
export function injectFault(cluster: SimCluster, fault: Fault): void {
  // The compiler does not relate the key to the fault.
  const inject = INJECT[fault.type] as (cluster: SimCluster, fault: Fault) => void;
  inject(cluster, fault);
}

/** A fault of a node; none if the cluster has no such node. */
function onNode<NodeFault extends { readonly node: number }>(
  inject: (cluster: SimCluster, node: SimNode, fault: NodeFault) => void,
): (cluster: SimCluster, fault: NodeFault) => void {
  return (cluster, fault) => {
    const node = cluster.nodes.get(fault.node);
    if (node !== undefined) inject(cluster, node, fault);
  };
}

function failWrite({ coverage }: SimCluster, node: SimNode, { survives, isFull, downMs }: FaultOf<'fail-write'>): void {
  if (!node.isUp) return;
  coverage.add(survives ? 'crash after a write was on disk' : 'crash before a write was on disk');
  node.failNextWrite(isFull ? 'STORAGE_FULL' : 'STORAGE_FAILED', survives, downMs);
}

function pause({ coverage }: SimCluster, node: SimNode, { durationMs }: FaultOf<'pause'>): void {
  if (!node.isUp) return;
  coverage.add('node paused');
  node.pause(durationMs);
}

function flip(cluster: SimCluster, node: SimNode, { pick, bit, downMs }: FaultOf<'flip'>): void {
  if (!mayLoseDisk(cluster, node)) return;
  const rows = [...node.disk.rows()];
  const row = rows[pick % rows.length];
  if (row === undefined) return;
  cluster.disks.markLost(node);
  if (node.isUp && downMs > 1) cluster.stopNode(node, downMs, true);
  node.disk.flipBit(row, bit);
}

function loseDisk(cluster: SimCluster, node: SimNode, { downMs }: FaultOf<'lose-disk'>): void {
  if (!mayLoseDisk(cluster, node)) return;
  cluster.coverage.add('disk lost');
  cluster.disks.markLost(node);
  cluster.stopNode(node, downMs, true);
  node.loseDisk();
}

/**
 * Asks the leader repeatedly whether the node's disk may be discarded, as the operator of a real cluster does. Whether that is safe is
 * decided by the code under test, also while another disk is being rebuilt.
 */
function repair(cluster: SimCluster, node: SimNode, { downMs }: FaultOf<'repair'>): void {
  const { schedule, coverage } = cluster;
  const untilMs = schedule.nowMs + REPAIR_WAITS_MS_MAX;
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

function partition(cluster: SimCluster, { group, durationMs }: FaultOf<'partition'>): void {
  cluster.coverage.add('partition');
  separate(cluster, group, durationMs);
}

function cutOneWay({ network, schedule, coverage }: SimCluster, { from, to, durationMs }: FaultOf<'one-way'>): void {
  coverage.add('one-way partition');
  network.cut(from, to);
  schedule.after(durationMs, () => network.uncut(from, to));
}

function closeChannel(cluster: SimCluster, node: SimNode, fault: FaultOf<'channel'>): void {
  const peer = cluster.nodes.get(fault.peer);
  if (peer !== undefined && peer !== node) cluster.closeChannel(node, peer);
}

/** A larger step of a wall clock is more than a manual correction. */
const LARGE_STEP_MS = 3_600_000;

function stepClock(cluster: SimCluster, fault: FaultOf<'wall-clock'>): void {
  const node = fault.node === 0 ? cluster.leader() : cluster.nodes.get(fault.node);
  if (node === undefined) return;
  if (fault.jumpMs < 0) cluster.coverage.add('wall clock went back');
  if (Math.abs(fault.jumpMs) >= LARGE_STEP_MS) cluster.coverage.add('wall clock stepped by hours or days');
  node.wallOffsetMs += fault.jumpMs;
}

function suspend(cluster: SimCluster, { durationMs }: FaultOf<'suspend'>): void {
  cluster.coverage.add('everything stood still for over an hour');
  cluster.suspend(durationMs);
}

function hangUp({ clients, coverage }: SimCluster, { client }: FaultOf<'hang-up'>): void {
  coverage.add('client ended with requests under way');
  clients.hangUp(client);
}

function splitChange(cluster: SimCluster, { durationMs, downMs }: FaultOf<'split-change'>): void {
  const leader = cluster.leader();
  const voters = leader?.runtime?.view.configuration.voters ?? [];
  const others = voters.filter((voter) => voter !== leader?.nodeId);
  const remove = others.slice(0, Math.floor(voters.length / 2) + 1);
  if (!cluster.disks.areLossesKnown || remove.length * 2 <= voters.length) return;
  cluster.triggers.splitOnJoint = { group: remove, durationMs, downMs };
  cluster.sendAdminRequest({ type: 'change', call: 1, add: [], remove, learners: [] });
}

export function split(cluster: SimCluster, leader: SimNode, { group, durationMs, downMs }: Split): void {
  cluster.coverage.add('old and new members cut off from each other');
  separate(cluster, group, durationMs);
  // Not within its turn, which is in progress.
  cluster.schedule.after(0, () => cluster.stopNode(leader, downMs, false));
}

function reelectLeader(cluster: SimCluster, { durationMs }: FaultOf<'re-elected-leader'>): void {
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

function isolateLeaderInbound(cluster: SimCluster, { durationMs, isOutboundToo }: FaultOf<'isolate-leader-inbound'>): void {
  const leader = cluster.leader();
  if (leader === undefined) return;
  cluster.coverage.add('leader received nothing');
  if (isOutboundToo) separate(cluster, [leader.id], durationMs);
  else dropInbound(cluster, leader, durationMs);
}

function pauseLeader(cluster: SimCluster, { durationMs }: FaultOf<'paused-leader'>): void {
  const leader = cluster.leader();
  if (leader?.isUp !== true) return;
  cluster.coverage.add('leader slept while it was cut off');
  separate(cluster, [leader.id], 2 * durationMs);
  leader.pause(durationMs);
}

function isolateTransferringLeader(cluster: SimCluster, { durationMs }: FaultOf<'isolate-transferring-leader'>): void {
  cluster.triggers.dropInboundOnTransferMs = durationMs;
  cluster.sendAdminRequest({ type: 'transfer', call: 1, to: 0 });
}

function changeMembers(cluster: SimCluster, { add, remove, learners }: FaultOf<'change'>): void {
  // While a disk is rebuilt the leader knows which voters may be removed. It cannot know of a damage that is not detected yet.
  if (!cluster.disks.areLossesKnown) return;
  if (!cluster.disks.areAllSound) cluster.coverage.add('members changed while a disk was rebuilt');
  cluster.sendAdminRequest({ type: 'change', call: 1, add, remove, learners });
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
