import type { DiskId, NodeId } from '../base/ids.ts';
import type { Configuration, VoterDisk } from './entry.ts';
import { membersOf } from './quorum.ts';

/**
 * Changes of membership as pure functions from one configuration to the next (Raft §6, joint consensus). When each may happen is
 * decided in `reconfiguration.ts`.
 */

export interface MembershipChange {
  /** They receive the log first, and become voters once they have caught up. */
  readonly add: readonly NodeId[];
  /** Voters, learners or joining nodes; with `add`, voters leave in the same step in which the new ones begin to vote. */
  readonly remove: readonly NodeId[];
  /** They receive the log and stay without a vote; one that is also in `remove` steps down from voter to learner. */
  readonly learners: readonly NodeId[];
}

/** Why a change makes no sense for this configuration, or undefined. */
export function problemWith(current: Configuration, change: MembershipChange): string | undefined {
  const { add, remove, learners } = change;
  const members = membersOf(current);
  if (add.length + remove.length + learners.length === 0) return 'The change names no node. Name the nodes to add or to remove.';
  const known = add.find((node) => current.voters.includes(node));
  if (known !== undefined) return `Node ${known} is a voter already. Leave it out of the change.`;
  const unknown = remove.find((node) => !members.includes(node));
  if (unknown !== undefined) return `Node ${unknown} is not a member; the members are ${members.join(', ')}.`;
  const contradictory = add.find((node) => remove.includes(node) || learners.includes(node));
  if (contradictory !== undefined) return `Node ${contradictory} is named twice. Say one thing of it.`;
  const demoted = learners.find((node) => current.voters.includes(node) && (!remove.includes(node) || add.length > 0));
  if (demoted !== undefined) {
    return `Node ${demoted} is a voter. To make it a learner, name it in "remove" as well, in a change that adds nobody.`;
  }
  if (without(current.voters, remove).length + add.length === 0) return 'No voter would be left. Keep at least one, or add another first.';
  return undefined;
}

/** The first configuration of a change that makes sense; later ones follow from it by {@link promoted} and {@link settled}. */
export function begun(current: Configuration, change: MembershipChange): Configuration {
  const { add, remove, learners } = change;
  const leavingVoters = current.voters.filter((node) => remove.includes(node));
  const gone = [...remove, ...add, ...learners];
  const next: Configuration = {
    ...current,
    learners: [...without(current.learners, gone), ...learners],
    joining: [...without(current.joining, gone), ...add],
  };
  if (leavingVoters.length === 0) return withoutStaleLeaving(next);
  if (add.length > 0) return { ...next, learners: without(next.learners, leavingVoters), leaving: [...current.leaving, ...leavingVoters] };
  return joint(next, without(current.voters, leavingVoters));
}

/** The caught up ones become voters, and the leaving ones go: the joint configuration. @param disks of those that become voters. */
export function promoted(current: Configuration, nodes: readonly NodeId[], disks: readonly VoterDisk[]): Configuration {
  const voters = [...without(current.voters, current.leaving), ...nodes];
  const next = joint({ ...current, joining: without(current.joining, nodes), leaving: [] }, voters);
  return { ...next, disks: [...next.disks.filter(({ node }) => !nodes.includes(node)), ...disks.filter(({ disk }) => disk !== 0)] };
}

/** A voter lost its disk, and what it had promised with it: it goes, and comes back like a new server. */
export function replaced(current: Configuration, node: NodeId): Configuration {
  const next = { ...current, joining: [...without(current.joining, [node]), node] };
  return joint(next, without(current.voters, [node]));
}

/** Out of the joint configuration, once that is committed. */
export function settled(current: Configuration): Configuration {
  return { ...current, outgoing: [], disks: current.disks.filter(({ node }) => current.voters.includes(node)) };
}

export const isJoint = (configuration: Configuration): boolean => configuration.outgoing.length > 0;

/** The disk that a voter votes with; zero for any. */
export const diskOf = (configuration: Configuration, node: NodeId): DiskId | 0 =>
  configuration.disks.find((known) => known.node === node)?.disk ?? 0;

/** Whether what comes from that disk is what this voter promised. A disk of zero is taken for any. */
export function isVotersDisk(configuration: Configuration, node: NodeId, disk: DiskId): boolean {
  const expected = diskOf(configuration, node);
  return expected === 0 || disk === 0 || expected === disk;
}

const joint = (current: Configuration, voters: readonly NodeId[]): Configuration => ({ ...current, voters, outgoing: current.voters });

/** Without anyone who joins, nobody waits to leave. */
const withoutStaleLeaving = (configuration: Configuration): Configuration =>
  configuration.joining.length === 0 ? { ...configuration, leaving: [] } : configuration;

const without = (nodes: readonly NodeId[], gone: readonly NodeId[]): NodeId[] => nodes.filter((node) => !gone.includes(node));
