import { isJoint } from '../raft/membership.ts';
import { checkProperty } from './violation.ts';
import type { World } from './world.ts';

/** After the faults: how long the cluster may take until all requests have replies and all members are equal. */
const QUIESCENT_WITHIN_MS = 180_000;
const POLL_MS = 50;
/** How long a quiescent cluster is watched; several election timeouts. */
const WATCH_MS = 2_500;
const INBOUND_DROPPED_MS = 10_000;

/** After the faults the cluster makes progress: a leader exists, all members are equal, and every client has its replies. */
export function awaitQuiescence(world: World): void {
  const deadlineMs = world.schedule.nowMs + QUIESCENT_WITHIN_MS;
  while (!isQuiescent(world)) {
    checkProperty(world.schedule.nowMs < deadlineMs, 'progress once everything is healed', () => world.describe());
    world.runUntil(world.schedule.nowMs + POLL_MS);
  }
}

function isQuiescent(world: World): boolean {
  const leader = world.leader()?.runtime;
  const view = leader?.view;
  if (view === undefined || world.clients.waiting > 0) return false;
  const { index, configuration } = view.configurations.latest;
  if (index > view.commit || isJoint(configuration) || configuration.joining.length > 0 || view.commit !== view.log.lastIndex) return false;
  if (!configuration.voters.includes(view.id)) return false;
  const members = [...configuration.voters, ...configuration.learners];
  return members.every((id) => {
    const node = world.nodes.get(id)?.runtime;
    // An election in progress may still produce another leader.
    return node?.applied === view.commit && node.view.term === view.term && (node === leader || node.view.role === 'follower');
  });
}

/**
 * Invariants of a quiescent cluster: the leader stays although one voter receives nothing from it; only voters request votes; and a leader
 * that receives nothing is replaced although its messages reach all others.
 */
export function checkQuiescence(world: World): void {
  const leader = world.leader();
  const view = leader?.runtime?.view;
  if (leader === undefined || view === undefined) return;
  const { voters } = view.configuration;
  const { term } = view;
  const { ends } = world;
  /** A row that was damaged earlier may be detected only now; its node is rebuilt, and the cluster is not quiescent. */
  const isUndisturbed = (): boolean => world.ends === ends && world.lostDisks.size === 0;
  const other = voters.find((voter) => voter !== leader.nodeId);
  if (other !== undefined && voters.length >= 3) world.network.cut(leader.id, other);
  world.runUntil(world.schedule.nowMs + WATCH_MS);
  const asked = world.nonMemberVoteRequests;
  world.runUntil(world.schedule.nowMs + WATCH_MS);
  checkProperty(
    world.nonMemberVoteRequests === asked,
    'a removed node is quiet',
    () => `nodes without a vote asked for ${world.nonMemberVoteRequests - asked}`,
  );
  const now = world.leader()?.runtime?.view;
  const isSame = now?.id === leader.nodeId && now.term === term;
  checkProperty(
    isSame || !isUndisturbed(),
    'a leader that works stays',
    () => `${leader.id} led term ${term}, now ${now?.id} leads term ${now?.term}`,
  );
  // The voter that received nothing does not depose it when it is connected again.
  world.network.heal();
  world.runUntil(world.schedule.nowMs + WATCH_MS);
  const later = world.leader()?.runtime?.view;
  checkProperty(
    (later?.id === leader.nodeId && later.term === term) || !isUndisturbed(),
    'a leader that works stays',
    () => `${leader.id} led term ${term}; when it reaches all nodes again ${later?.id} leads term ${later?.term}`,
  );
  if (voters.length < 3) return;
  for (const id of world.nodes.keys()) if (id !== leader.id) world.network.cut(id, leader.id);
  world.runUntil(world.schedule.nowMs + INBOUND_DROPPED_MS);
  const next = world.leader();
  checkProperty(
    (next !== undefined && next !== leader) || !isUndisturbed(),
    'a leader that receives nothing is replaced',
    () => `node ${leader.id} still leads`,
  );
  world.network.heal();
  world.runUntil(world.schedule.nowMs + WATCH_MS);
}
