import { isJoint } from '../raft/membership.ts';
import type { SimCluster } from './sim-cluster.ts';
import { checkProperty } from './violation.ts';

/** After the faults: how long the cluster may take until all requests have replies and all members are equal. */
const QUIESCENT_WITHIN_MS = 180_000;
const POLL_MS = 50;
/** How long a quiescent cluster is watched; several election timeouts. */
const WATCH_MS = 2_500;
const INBOUND_DROPPED_MS = 10_000;

/** After the faults the cluster makes progress: a leader exists, all members are equal, and every client has its replies. */
export function awaitQuiescence(cluster: SimCluster): void {
  const deadlineMs = cluster.schedule.nowMs + QUIESCENT_WITHIN_MS;
  while (!isQuiescent(cluster)) {
    checkProperty(cluster.schedule.nowMs < deadlineMs, 'progress once everything is healed', () => cluster.describe());
    cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
  }
}

function isQuiescent(cluster: SimCluster): boolean {
  const leader = cluster.leader()?.runtime;
  const view = leader?.view;
  if (view === undefined || cluster.clients.waiting > 0) return false;
  const { index, configuration } = view.configurations.latest;
  if (index > view.commit || isJoint(configuration) || configuration.joining.length > 0 || view.commit !== view.log.lastIndex) return false;
  if (!configuration.voters.includes(view.id)) return false;
  const members = [...configuration.voters, ...configuration.learners];
  return members.every((id) => {
    const node = cluster.nodes.get(id)?.runtime;
    // An election in progress may still produce another leader.
    return node?.applied === view.commit && node.view.term === view.term && (node === leader || node.view.role === 'follower');
  });
}

/**
 * Invariants of a quiescent cluster: the leader stays although one voter receives nothing from it; only voters request votes; and a leader
 * that receives nothing is replaced although its messages reach all others.
 */
export function checkQuiescence(cluster: SimCluster): void {
  const leader = cluster.leader();
  const view = leader?.runtime?.view;
  if (leader === undefined || view === undefined) return;
  const { voters } = view.configuration;
  const { term } = view;
  const { ends } = cluster;
  /** A row that was damaged earlier may be detected only now; its node is rebuilt, and the cluster is not quiescent. */
  const isUndisturbed = (): boolean => cluster.ends === ends && cluster.disks.areAllSound;
  const other = voters.find((voter) => voter !== leader.nodeId);
  if (other !== undefined && voters.length >= 3) cluster.network.cut(leader.id, other);
  cluster.runUntil(cluster.schedule.nowMs + WATCH_MS);
  const asked = cluster.nonMemberVoteRequests;
  cluster.runUntil(cluster.schedule.nowMs + WATCH_MS);
  checkProperty(
    cluster.nonMemberVoteRequests === asked,
    'a removed node is quiet',
    () => `nodes without a vote asked for ${cluster.nonMemberVoteRequests - asked}`,
  );
  const now = cluster.leader()?.runtime?.view;
  const isSame = now?.id === leader.nodeId && now.term === term;
  checkProperty(
    isSame || !isUndisturbed(),
    'a leader that works stays',
    () => `${leader.id} led term ${term}, now ${now?.id} leads term ${now?.term}`,
  );
  // The voter that received nothing does not depose it when it is connected again.
  cluster.network.heal();
  cluster.runUntil(cluster.schedule.nowMs + WATCH_MS);
  const later = cluster.leader()?.runtime?.view;
  checkProperty(
    (later?.id === leader.nodeId && later.term === term) || !isUndisturbed(),
    'a leader that works stays',
    () => `${leader.id} led term ${term}; when it reaches all nodes again ${later?.id} leads term ${later?.term}`,
  );
  if (voters.length < 3) return;
  for (const id of cluster.nodes.keys()) if (id !== leader.id) cluster.network.cut(id, leader.id);
  cluster.runUntil(cluster.schedule.nowMs + INBOUND_DROPPED_MS);
  const next = cluster.leader();
  checkProperty(
    (next !== undefined && next !== leader) || !isUndisturbed(),
    'a leader that receives nothing is replaced',
    () => `node ${leader.id} still leads`,
  );
  cluster.network.heal();
  cluster.runUntil(cluster.schedule.nowMs + WATCH_MS);
}
