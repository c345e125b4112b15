import { asNodeId } from '../base/ids.ts';
import { isJoint } from '../raft/membership.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';

/** How long an operator's request may wait at a leader that is paused, or stuck in a write. */
export const REQUEST_WAITS_MS_MAX = 4_000;

/**
 * The cluster survives the loss of one disk where the others are a majority: a spare's at any time, a voter's while the configuration is
 * stable and no other voter is being rebuilt.
 */
export function mayLoseDisk(cluster: SimCluster, node: SimNode): boolean {
  const { schedule } = cluster;
  if (!cluster.disks.areAllSound) return false;
  const view = cluster.leader()?.runtime?.view;
  if (view === undefined) return false;
  const { index, configuration } = view.configurations.latest;
  const isSettled = index <= view.commit && !isJoint(configuration) && configuration.joining.length === 0;
  // Another node may have begun a change since, while this leader was paused or cut off; and it may be down now.
  if (!isSettled || cluster.configurations.hasLaterThan(index)) return false;
  // Or a change may be about to begin: a request may wait at a leader that is stuck.
  if (schedule.nowMs < cluster.changeRequestedMs + REQUEST_WAITS_MS_MAX) return false;
  return !configuration.voters.includes(asNodeId(node.id)) || configuration.voters.length >= 3;
}
