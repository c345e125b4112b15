import type { SimCluster } from './sim-cluster.ts';
import { checkProperty } from './violation.ts';

/** Downtime of a node during its upgrade. */
const UPGRADE_MS = 60;
/** In this time a quiescent cluster moves to a version that all members have. */
const MOVES_WITHIN_MS = 10_000;
const POLL_MS = 50;

export function scheduleUpgrades(cluster: SimCluster): void {
  for (const { node, atMs } of cluster.plan.upgrades) cluster.schedule.at(atMs, () => upgrade(cluster, node));
}

export function upgradeAll(cluster: SimCluster): void {
  for (const node of cluster.versions.oldNodes) upgrade(cluster, node);
}

function upgrade(cluster: SimCluster, id: number): void {
  if (!cluster.versions.onUpgraded(id)) return;
  cluster.coverage.add('node restarted with newer code');
  const node = cluster.nodes.get(id);
  if (node !== undefined) cluster.stopNode(node, UPGRADE_MS, true);
}

/** Once every member has the newest version, the cluster moves to it without a request. */
export function awaitNewestVersion(cluster: SimCluster): void {
  const deadlineMs = cluster.schedule.nowMs + MOVES_WITHIN_MS;
  for (;;) {
    const version = cluster.leader()?.runtime?.machine.version;
    if (version === cluster.machine.versionMax) return;
    checkProperty(
      cluster.schedule.nowMs < deadlineMs,
      'the cluster moves to the newest version',
      () => `it has ${version}; ${cluster.describe()}`,
    );
    cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
  }
}
