import { ANY_GENERATION, counterOf, type Generation } from '../base/generation.ts';
import type { Fault } from './fault.ts';
import { mayLoseDisk } from './lost-disks.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { DiskCopy, SimNode } from './sim-node.ts';

/** How long the restore of a copy is retried, and how often. */
const ROLL_BACK_WITHIN_MS = 3_000;
const ROLL_BACK_EVERY_MS = 20;
/**
 * Each opening brings a copy nearer to the recorded generation, unless it receives the record from another node. Plans crash a node less
 * often.
 */
const UNRECORDED_OPENINGS_MAX = 40;

/** Copies the disk now, and restores it once a majority without the node has recorded a later generation, as the guarantee requires. */
export function rollBack(cluster: SimCluster, node: SimNode, { afterMs, downMs }: Extract<Fault, { readonly type: 'roll-back' }>): void {
  const { schedule } = cluster;
  if (!node.isUp) return;
  const copy = node.copyDisk();
  const copied = node.runtime?.generation.current ?? ANY_GENERATION;
  const untilMs = schedule.nowMs + afterMs + ROLL_BACK_WITHIN_MS;
  const tryIt = (): void => {
    if (schedule.nowMs > untilMs || cluster.network.isHealed || node.diskId !== copy.id) return;
    if (node.isUp && mayLoseDisk(cluster, node) && isRecordedWithout(cluster, node, copied)) {
      restore(cluster, node, copy, downMs);
      return;
    }
    schedule.after(ROLL_BACK_EVERY_MS, tryIt);
  };
  schedule.after(afterMs, tryIt);
}

export function restore(cluster: SimCluster, node: SimNode, copy: DiskCopy, downMs: number): void {
  cluster.coverage.add('disk restored from an older copy');
  cluster.disks.markLost(node);
  cluster.stopNode(node, downMs, true);
  node.restoreDisk(copy);
}

/**
 * Whether a majority of the voters, without this one, has a later record of its disk than the copy; a committed one, since
 * others may be overwritten.
 */
export function isRecordedWithout(cluster: SimCluster, node: SimNode, copied: Generation): boolean {
  const voters = cluster.leader()?.runtime?.view.configuration.voters ?? [];
  if (!voters.includes(node.nodeId)) return false;
  const knowing = voters.filter((voter) => {
    const view = cluster.nodes.get(voter)?.runtime?.view;
    const disks = view?.configurations.at(view.commit).configuration.disks ?? [];
    const known = disks.find((each) => each.node === node.id && each.disk === node.diskId);
    return voter !== node.nodeId && counterOf(known?.generation ?? ANY_GENERATION) > counterOf(copied) + UNRECORDED_OPENINGS_MAX;
  });
  return knowing.length * 2 > voters.length;
}
