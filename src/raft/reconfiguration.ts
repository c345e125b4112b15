import { ANY_GENERATION } from '../base/generation.ts';
import type { NodeId } from '../base/ids.ts';
import { nextIndex } from '../base/ids.ts';
import { encodeConfiguration } from './configuration-codec.ts';
import type { Configuration, EntryId } from './entry.ts';
import type { LeaderState } from './leader-state.ts';
import type { MembershipChange } from './membership.ts';
import {
  beginChange,
  hasSameMembers,
  isJoint,
  isLifeOnRecord,
  isVotersDisk,
  isVotersState,
  leaveJoint,
  problemWith,
  promotable,
  promote,
  recorded,
  replaceVoter,
} from './membership.ts';
import { Progress } from './progress.ts';
import { isReady } from './reads.ts';
import { appendOwn, broadcast } from './replication.ts';
import type { SharedState } from './shared-state.ts';
import { dropRequest, dropStep, type StepRequest, stepRejection } from './step-quorum.ts';

/**
 * When a leader changes the membership (Raft §6). One change is in progress at a time, and each step is committed before the next begins.
 *
 * Only the members have to be committed: after the entry of a step there may be uncommitted records of generations. They name the same
 * voters with the same disks, so a node uses the same majorities with or without them, and a later leader has the step even if it lacks
 * them. If the next step waited for them, a voter that is reopened again and again would hold it up.
 */

/** A request for a membership change. @param isRepeated it arrived before, and waits until the voters confirm that they are available. */
export function onChangeMembership(core: SharedState, leader: LeaderState, change: MembershipChange, isRepeated: boolean): void {
  const { effects, configuration } = core;
  if (leader.transfer !== undefined) effects.rejected = { reason: 'transferring', to: leader.transfer.to };
  // Otherwise two successive leaders could change the members independently (Ongaro, "bug in single-server membership changes", 2015).
  else if (!isReady(core)) effects.rejected = { reason: 'not-ready' };
  else if (isChangePending(core)) effects.rejected = { reason: 'change-pending' };
  else {
    const message = problemWith(configuration, change);
    if (message === undefined) begin(core, leader, beginChange(configuration, change), isRepeated ? 'repeated' : 'new');
    else effects.rejected = { reason: 'invalid-change', message };
  }
  if (effects.rejected?.reason !== 'voters-asked') dropRequest(leader);
}

/** A configuration that is not joint needs only the voters that were needed before. */
function begin(core: SharedState, leader: LeaderState, next: Configuration, request: StepRequest): void {
  const rejection = isJoint(next) ? stepRejection(core, leader, next, request) : undefined;
  if (rejection === undefined) {
    // The same change may be requested again: earlier replies prove nothing then.
    leader.askedStep = undefined;
    core.effects.proposed = adopt(core, leader, next);
  } else core.effects.rejected = rejection;
}

function isChangePending(core: SharedState): boolean {
  return !core.areMembersCommitted || isJoint(core.configuration);
}

/**
 * The next step of the change in progress, if it is due: leave the joint configuration, or enter the one that promotes nodes that caught up
 * or replaces a voter that lost its disk. The replacement waits until the new disk has caught up, so that the lost disk can vote until then
 * if it is found again.
 */
export function advanceReconfiguration(core: SharedState, leader: LeaderState): void {
  // This event may already have taken a step; the next one waits for its commit anyway.
  if (leader.transfer !== undefined || core.effects.append !== undefined) return;
  const { index, configuration, membersSince } = core.configurations.latest;
  if (!isReady(core) || membersSince > core.commit) {
    recordLives(core, leader);
    return;
  }
  if (isJoint(configuration)) {
    adopt(core, leader, leaveJoint(configuration));
    return;
  }
  const ready = promotable(configuration, (node) => leader.progress.get(node)?.isCaughtUp === true);
  if (ready.length === 0) dropStep(leader);
  else {
    const disks = ready.flatMap((node) => {
      const progress = leader.progress.get(node);
      if (progress === undefined) return [];
      const { disk, generation } = progress;
      return [generation === ANY_GENERATION ? { node, disk } : { node, disk, generation }];
    });
    const next = promote(configuration, ready, disks);
    if (stepRejection(core, leader, next, 'none') === undefined) {
      adopt(core, leader, next);
      return;
    }
  }
  const lost = configuration.voters.find((voter) => hasLostDisk(core, leader, voter) && leader.progress.get(voter)?.isCaughtUp === true);
  if (lost !== undefined && configuration.voters.length > 1) {
    core.effects.notices.push({ type: 'disk-lost', voter: lost });
    adopt(core, leader, replaceVoter(configuration, lost));
    return;
  }
  if (index <= core.commit) adoptRecords(core, leader);
  else recordLives(core, leader);
}

/**
 * Voters that reply in an unrecorded life count for nothing until it is recorded, and nothing may be committable without them. So this
 * waits for no commit, neither of an earlier configuration nor of an entry of this term: voters and everything else are as in the latest
 * configuration, so majorities do not change.
 */
function recordLives(core: SharedState, leader: LeaderState): void {
  const { configuration } = core;
  const isAwaited = configuration.disks.some(({ node }) => {
    const seen = leader.progress.get(node);
    return seen !== undefined && isVotersState(configuration, node, seen) && !isLifeOnRecord(configuration, node, seen);
  });
  if (isAwaited) adoptRecords(core, leader);
}

/** Records the later generations of the voters' disks, this node's own included. */
function adoptRecords(core: SharedState, leader: LeaderState): void {
  const renewed = recorded(core.configuration, (node) => (node === core.id ? core : leader.progress.get(node)));
  if (renewed !== undefined) adopt(core, leader, renewed);
}

/** Whether the node has no vote until it has caught up: it is new, or its disk is not the one it votes with. */
export const isRebuilt = (core: SharedState, leader: LeaderState, node: NodeId): boolean =>
  core.configuration.joining.includes(node) || (core.configuration.voters.includes(node) && hasLostDisk(core, leader, node));

function hasLostDisk(core: SharedState, leader: LeaderState, voter: NodeId): boolean {
  const progress = leader.progress.get(voter);
  return progress !== undefined && !isVotersDisk(core.configuration, voter, progress.disk);
}

/** In force at once, here and at every node that appends it. */
function adopt(core: SharedState, leader: LeaderState, configuration: Configuration): EntryId {
  // A record of generations changes no step.
  if (!hasSameMembers(core.configuration, configuration)) leader.askedStep = undefined;
  const id = appendOwn(core, leader, 'configuration', encodeConfiguration(configuration));
  for (const peer of [...leader.progress.keys()]) if (!core.peers.includes(peer)) leader.progress.delete(peer);
  for (const peer of core.peers) {
    if (!leader.progress.has(peer)) leader.progress.set(peer, new Progress(nextIndex(core.log.lastIndex), core.now));
  }
  broadcast(core, leader);
  return id;
}
