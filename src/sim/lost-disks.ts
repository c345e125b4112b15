import { asNodeId } from '../base/ids.ts';
import { isJoint } from '../raft/membership.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** How long an operator's request may wait at a leader that is paused, or stuck in a write. */
export const REQUEST_WAITS_MS_MAX = 4_000;

/** A flipped bit is not detected before it is read. */
export const areLossesKnown = ({ lostDisks, nodes }: World): boolean =>
  [...lostDisks].every(([id, disk]) => nodes.get(id)?.diskId !== disk);

/**
 * The cluster survives the loss of one disk where the others are a majority: a spare's at any time, a voter's while the configuration is
 * stable and no other voter is being rebuilt.
 */
export function mayLoseDisk(world: World, node: SimNode): boolean {
  const { schedule } = world;
  if (world.lostDisks.size > 0) return false;
  const view = world.leader()?.runtime?.view;
  if (view === undefined) return false;
  const { index, configuration } = view.configurations.latest;
  const isSettled = index <= view.commit && !isJoint(configuration) && configuration.joining.length === 0;
  // Another node may have begun a change since, while this leader was paused or cut off; and it may be down now.
  if (!isSettled || world.hasLaterConfiguration(index)) return false;
  // Or a change may be about to begin: a request may wait at a leader that is stuck.
  if (schedule.nowMs < world.changeRequestedMs + REQUEST_WAITS_MS_MAX) return false;
  return !configuration.voters.includes(asNodeId(node.id)) || configuration.voters.length >= 3;
}

/** Deletes the entry of a voter whose new disk is in the stable configuration, and that of a node that is no voter. */
export function forgetReplacedDisks(world: World): void {
  const view = world.leader()?.runtime?.view;
  if (view === undefined) return;
  const { index, configuration } = view.configurations.latest;
  if (index > view.commit || isJoint(configuration) || configuration.joining.length > 0) return;
  for (const [id, lost] of [...world.lostDisks]) {
    const present = world.nodes.get(id)?.diskId;
    if (present === lost) continue;
    const disk = configuration.disks.find(({ node }) => node === id)?.disk;
    if (!configuration.voters.includes(asNodeId(id)) || disk === present) world.lostDisks.delete(id);
  }
}
