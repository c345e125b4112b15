import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';

const LOOK_EVERY_MS = 1;
/** Less than an election timeout: a node without contact to a leader requests votes. */
const CAUGHT_UP_WITHIN_MS = 180;
const LIVES = 2;
/** Late enough that its clients wait for replies. */
const REPLAYED_AFTER_SHARE = 0.6;

/**
 * A node restarts twice. Each time it catches up with its leader, then receives nothing from it for a while, in which clients read at it: its
 * requests for the index of a read have no reply. In its second life it receives the old messages again: replies to requests of the
 * life before.
 */
export function replyToEarlierLife(cluster: SimCluster, node: SimNode, silentMs: number): void {
  const follower = node === cluster.leader() ? [...cluster.nodes.values()].find((other) => other !== node && other.isUp) : node;
  if (follower !== undefined) restart(cluster, follower, { silentMs, life: 1 });
}

interface Life {
  readonly silentMs: number;
  readonly life: number;
}

function restart(cluster: SimCluster, node: SimNode, life: Life): void {
  const { network, schedule } = cluster;
  const commit = cluster.leader()?.runtime?.view.commit;
  if (network.isHealed || !node.isUp || commit === undefined || cluster.leader() === node) return;
  cluster.stopNode(node, 1, false);
  const endMs = schedule.nowMs + CAUGHT_UP_WITHIN_MS;
  const look = (): void => {
    if (network.isHealed || schedule.nowMs > endMs) return;
    const view = node.runtime?.view;
    const leader = view?.leader === undefined ? undefined : cluster.nodes.get(view.leader);
    if (node.isUp && leader !== undefined && leader !== node && (view?.commit ?? 0) >= commit) silence(cluster, node, leader, life);
    else schedule.after(LOOK_EVERY_MS, look);
  };
  look();
}

function silence(cluster: SimCluster, node: SimNode, leader: SimNode, { silentMs, life }: Life): void {
  const { coverage, network, schedule, triggers } = cluster;
  network.cut(leader.id, node.id);
  triggers.readsAt = node.id;
  if (life === LIVES) {
    schedule.after(silentMs * REPLAYED_AFTER_SHARE, () => {
      if (network.isHealed) return;
      coverage.add('restarted node got replies to its earlier life');
      network.replayTo(node.id);
    });
  }
  schedule.after(silentMs, () => {
    network.uncut(leader.id, node.id);
    if (triggers.readsAt === node.id) triggers.readsAt = undefined;
    if (life < LIVES) restart(cluster, node, { silentMs, life: life + 1 });
  });
}
