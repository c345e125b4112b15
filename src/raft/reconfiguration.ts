import { ANY_GENERATION } from '../base/generation.ts';
import type { NodeId } from '../base/ids.ts';
import { nextIndex } from '../base/ids.ts';
import { encodeConfiguration } from './configuration-codec.ts';
import type { CoreState } from './core-state.ts';
import type { Configuration, EntryId } from './entry.ts';
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
import { dropRequest, dropStep, type StepRequest, stepRejection } from './step-quorum.ts';

/**
 * When a leader changes the membership (Raft §6). One change is under way at a time, and each step is committed before the next begins.
 *
 * What is committed are the members: behind the entry of a step there may be records of generations that are not. They name the same voters with the
 * same disks, so that a node decides by the same majorities whether it has them or not, and a later leader has the step even where it lacks them. If
 * the next step waited for them, a voter that is opened again and again would hold it up.
 */

/** A request for other members. @param isRepeated it came before, and waits until the voters have answered that they are there. */
export function onChangeMembership(core: CoreState, change: MembershipChange, isRepeated: boolean): void {
  const { effects, configuration } = core;
  if (core.role !== 'leader') effects.rejected = { reason: 'not-leader', leader: core.leader };
  else if (core.transfer !== undefined) effects.rejected = { reason: 'transferring', to: core.transfer.to };
  // Without this, two leaders in a row could change the members past each other (Ongaro, "bug in single-server membership changes", 2015).
  else if (!isReady(core)) effects.rejected = { reason: 'not-ready' };
  else if (isChangePending(core)) effects.rejected = { reason: 'change-pending' };
  else {
    const message = problemWith(configuration, change);
    if (message === undefined) begin(core, beginChange(configuration, change), isRepeated ? 'repeated' : 'new');
    else effects.rejected = { reason: 'invalid-change', message };
  }
  if (effects.rejected?.reason !== 'voters-asked') dropRequest(core);
}

/** Of a configuration that is not joint nothing is needed that was not before. */
function begin(core: CoreState, next: Configuration, request: StepRequest): void {
  const rejection = isJoint(next) ? stepRejection(core, next, request) : undefined;
  if (rejection === undefined) {
    // The same members may be asked for again: what was answered before is no proof then.
    core.askedStep = undefined;
    core.effects.proposed = adopt(core, next);
  } else core.effects.rejected = rejection;
}

function isChangePending(core: CoreState): boolean {
  return !core.areMembersCommitted || isJoint(core.configuration);
}

/**
 * The next step of a change that is under way, if it is time for it: out of the joint configuration, or into the one that brings
 * nodes that caught up, or that replaces a voter that lost its disk: once its new disk has caught up, so that until then the lost one votes if it is
 * found again.
 */
export function advanceReconfiguration(core: CoreState): void {
  // A step may have been taken by this very event; the next one waits for its commit anyway.
  if (core.role !== 'leader' || core.transfer !== undefined || core.effects.append !== undefined) return;
  const { index, configuration, membersSince } = core.configurations.latest;
  if (!isReady(core) || membersSince > core.commit) {
    recordLives(core);
    return;
  }
  if (isJoint(configuration)) {
    adopt(core, leaveJoint(configuration));
    return;
  }
  const ready = promotable(configuration, (node) => core.progress.get(node)?.isCaughtUp === true);
  if (ready.length === 0) dropStep(core);
  else {
    const disks = ready.flatMap((node) => {
      const progress = core.progress.get(node);
      if (progress === undefined) return [];
      const { disk, generation } = progress;
      return [generation === ANY_GENERATION ? { node, disk } : { node, disk, generation }];
    });
    const next = promote(configuration, ready, disks);
    if (stepRejection(core, next, 'none') === undefined) {
      adopt(core, next);
      return;
    }
  }
  const lost = configuration.voters.find((voter) => hasLostDisk(core, voter) && core.progress.get(voter)?.isCaughtUp === true);
  if (lost !== undefined && configuration.voters.length > 1) {
    core.effects.notices.push({ type: 'disk-lost', voter: lost });
    adopt(core, replaceVoter(configuration, lost));
    return;
  }
  if (index <= core.commit) adoptRecords(core);
  else recordLives(core);
}

/**
 * Voters that reply in a life that is not on record count for nothing before it is, and nothing may be committed without them. So this waits for no
 * commit, neither of an earlier configuration nor of an entry of this term: voters and all else are as in the latest configuration, so that no
 * majority is another one than before.
 */
function recordLives(core: CoreState): void {
  const { configuration } = core;
  const isAwaited = configuration.disks.some(({ node }) => {
    const seen = core.progress.get(node);
    return seen !== undefined && isVotersState(configuration, node, seen) && !isLifeOnRecord(configuration, node, seen);
  });
  if (isAwaited) adoptRecords(core);
}

/** Puts the later generations of the voters' disks on record, this node's own among them. */
function adoptRecords(core: CoreState): void {
  const renewed = recorded(core.configuration, (node) => (node === core.id ? core : core.progress.get(node)));
  if (renewed !== undefined) adopt(core, renewed);
}

/** Whether the node has no vote before it has caught up: it is new, or has another disk than it votes with. */
export const isRebuilt = (core: CoreState, node: NodeId): boolean =>
  core.configuration.joining.includes(node) || (core.configuration.voters.includes(node) && hasLostDisk(core, node));

function hasLostDisk(core: CoreState, voter: NodeId): boolean {
  const progress = core.progress.get(voter);
  return progress !== undefined && !isVotersDisk(core.configuration, voter, progress.disk);
}

/** In force at once, here and wherever it is appended. */
function adopt(core: CoreState, configuration: Configuration): EntryId {
  // A record of generations changes no step.
  if (!hasSameMembers(core.configuration, configuration)) core.askedStep = undefined;
  const id = appendOwn(core, 'configuration', encodeConfiguration(configuration));
  for (const peer of [...core.progress.keys()]) if (!core.peers.includes(peer)) core.progress.delete(peer);
  for (const peer of core.peers) {
    if (!core.progress.has(peer)) core.progress.set(peer, new Progress(nextIndex(core.log.lastIndex), core.now));
  }
  broadcast(core);
  return id;
}
