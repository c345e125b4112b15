import { ANY_GENERATION, counterOf, type Generation, isAccepted, isSameLife } from '../base/generation.ts';
import type { DiskId, NodeId } from '../base/ids.ts';
import type { Configuration, VoterDisk } from './entry.ts';
import { distinct, membersOf } from './quorum.ts';

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
  for (const [list, nodes] of Object.entries({ add, remove, learners })) {
    const repeated = nodes.find((node, at) => nodes.indexOf(node) !== at);
    if (repeated !== undefined) return `Node ${repeated} is named more than once in "${list}". Name each node once.`;
  }
  const known = add.find((node) => current.voters.includes(node));
  if (known !== undefined) return `Node ${known} is a voter already. Leave it out of the change.`;
  const unknown = remove.find((node) => !members.includes(node));
  if (unknown !== undefined) return `Node ${unknown} is not a member; the members are ${members.join(', ')}.`;
  const contradictory = add.find((node) => remove.includes(node) || learners.includes(node));
  if (contradictory !== undefined) return `Node ${contradictory} is named twice. Say one thing of it.`;
  const demoted = learners.find((node) => current.voters.includes(node) && (!remove.includes(node) || add.length > 0));
  if (demoted !== undefined) {
    return `Node ${demoted} is a voter. To make it a learner, name it in "remove" as well, in a change that adds no node.`;
  }
  if (without(current.voters, remove).length + add.length === 0) return 'No voter would be left. Keep at least one, or add another first.';
  return undefined;
}

/**
 * The first configuration of a change that makes sense; later ones follow from it by {@link promote} and {@link leaveJoint}. What a change
 * names is decided by that change: an earlier replacement that is not complete no longer applies to it.
 */
export function beginChange(from: Configuration, change: MembershipChange): Configuration {
  const current = normalized(from);
  const { add, remove, learners } = change;
  const named = [...remove, ...add, ...learners];
  const leavingVoters = current.voters.filter((node) => remove.includes(node));
  const next: Configuration = {
    ...current,
    learners: [...without(current.learners, named), ...learners],
    joining: [...without(current.joining, named), ...add],
    leaving: without(current.leaving, named),
    disks: current.disks.filter(({ node }) => current.voters.includes(node) || !named.includes(node)),
  };
  if (leavingVoters.length === 0) return normalized(next);
  if (add.length > 0) return normalized({ ...next, leaving: [...next.leaving, ...leavingVoters] });
  return normalized(joint(next, without(current.voters, leavingVoters)));
}

/**
 * Those of the joining nodes that may vote now: a voter that lost its disk as soon as it has caught up, the new nodes of a replacement all
 * at once, and a node that is leaving never.
 */
export function promotable(current: Configuration, isCaughtUp: (node: NodeId) => boolean): readonly NodeId[] {
  if (current.joining.length === 0) return current.joining;
  const newNodes = newNodesOf(current);
  const isReady = newNodes.every(isCaughtUp) || current.leaving.length === 0;
  return without(current.joining, current.leaving).filter((node) => isCaughtUp(node) && (isReady || !newNodes.includes(node)));
}

/**
 * The promotable nodes become voters, and with the last new node the leaving ones are removed: the joint configuration.
 * @param disks of those that become voters.
 */
export function promote(current: Configuration, nodes: readonly NodeId[], disks: readonly VoterDisk[]): Configuration {
  const isComplete = newNodesOf(current).every((node) => nodes.includes(node));
  const gone = isComplete ? current.leaving : [];
  const next = joint(current, [...without(current.voters, gone), ...nodes]);
  return normalized({
    ...next,
    joining: without(current.joining, [...nodes, ...gone]),
    disks: [...next.disks.filter(({ node }) => !nodes.includes(node)), ...disks.filter(({ disk }) => disk !== 0)],
  });
}

/** A voter lost its disk, and what it had promised with it: it goes, and comes back like a new server, unless it is leaving anyway. */
export function replaceVoter(current: Configuration, node: NodeId): Configuration {
  const next = { ...current, joining: [...without(current.joining, [node]), node] };
  return normalized(joint(next, without(current.voters, [node])));
}

/** Out of the joint configuration, once that is committed. */
export function leaveJoint(current: Configuration): Configuration {
  return normalized({ ...current, outgoing: [] });
}

/**
 * The same configuration with each node once in a list: whatever named it twice, it has one vote. A voter neither learns nor joins, and
 * no node is leaving unless a new node is joining. Logs and checkpoints of earlier releases may hold configurations without these properties.
 */
export function normalized(configuration: Configuration): Configuration {
  const voters = distinct(configuration.voters);
  const outgoing = distinct(configuration.outgoing);
  const joining = distinct(without(configuration.joining, voters));
  const hasDisk = [...voters, ...outgoing, ...joining];
  const next: Configuration = {
    voters,
    outgoing,
    learners: distinct(without(configuration.learners, [...voters, ...joining])),
    joining,
    leaving: distinct(configuration.leaving.filter((node) => voters.includes(node) || joining.includes(node))),
    disks: configuration.disks.filter(
      ({ node }, at, disks) => hasDisk.includes(node) && disks.findIndex((other) => other.node === node) === at,
    ),
  };
  return newNodesOf(next).length > 0 ? next : { ...next, leaving: [] };
}

/** Joining nodes that were no voters before. One that was is known by the disk that it lost. */
const newNodesOf = ({ joining, leaving, disks }: Configuration): readonly NodeId[] =>
  joining.filter((node) => !leaving.includes(node) && !disks.some((known) => known.node === node));

export const isJoint = (configuration: Configuration): boolean => configuration.outgoing.length > 0;

const recordOf = (configuration: Configuration, node: NodeId): VoterDisk | undefined =>
  configuration.disks.find((known) => known.node === node);

/** The disk that a voter votes with; zero for any. */
export const diskOf = (configuration: Configuration, node: NodeId): DiskId | 0 => recordOf(configuration, node)?.disk ?? 0;

/** The generation of the voter's disk that is on record; zero for none. */
export const generationOf = (configuration: Configuration, node: NodeId): Generation =>
  recordOf(configuration, node)?.generation ?? ANY_GENERATION;

/** Whether that disk is the one that the voter votes with. A disk of zero is taken for any. */
export function isVotersDisk(configuration: Configuration, node: NodeId, disk: DiskId): boolean {
  const expected = diskOf(configuration, node);
  return expected === 0 || disk === 0 || expected === disk;
}

/** Whether what comes from there is what this voter promised: from its disk, and not from a copy of it that is older than the record. */
export const isVotersState = (configuration: Configuration, node: NodeId, { disk, generation }: DiskState): boolean =>
  isVotersDisk(configuration, node, disk) && (disk === 0 || isAccepted(generationOf(configuration, node), generation));

/**
 * Whether the life of the disk that replies is the one on record. One that is accepted without a record may be of a copy. Without an entry for the
 * voter's disk there is nothing to compare, nor for a file that has no generation.
 */
export function isLifeOnRecord(configuration: Configuration, node: NodeId, { disk, generation }: DiskState): boolean {
  const record = recordOf(configuration, node);
  return record === undefined || disk === 0 || (record.disk === disk && isLifeOf(record, generation));
}

/** Whether what a later configuration has on record of the voter, its disk and the life of it, was on record before. */
export function isSameRecord(later: Configuration, earlier: Configuration, node: NodeId): boolean {
  const [record, before] = [recordOf(later, node), recordOf(earlier, node)];
  if (record === undefined) return true;
  return before !== undefined && before.disk === record.disk && isLifeOf(before, record.generation ?? ANY_GENERATION);
}

/** Whether they differ in records of generations at most: the same nodes have the same parts, and each voter the same disk. Then majorities are the same. */
export function hasSameMembers(one: Configuration, other: Configuration): boolean {
  return (
    isSameList(one.voters, other.voters) &&
    isSameList(one.outgoing, other.outgoing) &&
    isSameList(one.learners, other.learners) &&
    isSameList(one.joining, other.joining) &&
    isSameList(one.leaving, other.leaving) &&
    one.disks.length === other.disks.length &&
    one.disks.every(({ node, disk }, place) => node === other.disks[place]?.node && disk === other.disks[place]?.disk)
  );
}

const isSameList = (one: readonly NodeId[], other: readonly NodeId[]): boolean =>
  one.length === other.length && one.every((node, place) => node === other[place]);

const isLifeOf = ({ generation: recorded }: VoterDisk, generation: Generation): boolean =>
  generation === ANY_GENERATION || (recorded !== undefined && isSameLife(recorded, generation));

/** A disk, in a state of its file. */
export interface DiskState {
  readonly disk: DiskId;
  readonly generation: Generation;
}

/** With the later generations of the voters' disks that were seen, or undefined when there is none. */
export function recorded(current: Configuration, seenOf: (node: NodeId) => DiskState | undefined): Configuration | undefined {
  let isNews = false;
  const disks = current.disks.map((known) => {
    const seen = seenOf(known.node);
    const before = known.generation ?? ANY_GENERATION;
    if (seen === undefined || seen.disk !== known.disk || counterOf(seen.generation) <= counterOf(before)) return known;
    isNews = true;
    return { ...known, generation: seen.generation };
  });
  return isNews ? { ...current, disks } : undefined;
}

const joint = (current: Configuration, voters: readonly NodeId[]): Configuration => ({ ...current, voters, outgoing: current.voters });

const without = (nodes: readonly NodeId[], gone: readonly NodeId[]): NodeId[] => nodes.filter((node) => !gone.includes(node));
