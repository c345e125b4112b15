import { ANY_GENERATION, counterOf, type Generation, isAccepted, isSameLife } from '../base/generation.ts';
import type { DiskId, NodeId } from '../base/ids.ts';
import type { Configuration, VoterDisk } from './entry.ts';
import { distinct, membersOf } from './quorum.ts';

/**
 * Membership changes as pure functions from one configuration to the next (Raft §6, joint consensus). `reconfiguration.ts` decides when
 * each may happen.
 */

export interface MembershipChange {
  /** These nodes receive the log first, and become voters once they have caught up. */
  readonly add: readonly NodeId[];
  /** Voters, learners or joining nodes; with `add`, voters are removed in the same step in which the new ones become voters. */
  readonly remove: readonly NodeId[];
  /** These nodes receive the log without a vote; a voter that is also in `remove` becomes a learner. */
  readonly learners: readonly NodeId[];
}

/** Why a change is invalid for this configuration, or undefined. */
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
  if (contradictory !== undefined) return `Node ${contradictory} is named twice. Name it once.`;
  const demoted = learners.find((node) => current.voters.includes(node) && (!remove.includes(node) || add.length > 0));
  if (demoted !== undefined) {
    return `Node ${demoted} is a voter. To make it a learner, name it in "remove" as well, in a change that adds no node.`;
  }
  if (without(current.voters, remove).length + add.length === 0)
    return 'No voter would be left. Keep at least one voter, or add another first.';
  return undefined;
}

/**
 * The first configuration of a valid change; {@link promote} and {@link leaveJoint} produce the later ones. This change alone decides about
 * the nodes it names: an earlier incomplete replacement no longer applies to them.
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
 * The joining nodes that may vote now: a voter that lost its disk as soon as it has caught up; the new nodes of a replacement all
 * at once; a node that is leaving never.
 */
export function promotable(current: Configuration, isCaughtUp: (node: NodeId) => boolean): readonly NodeId[] {
  if (current.joining.length === 0) return current.joining;
  const newNodes = newNodesOf(current);
  const isReady = newNodes.every(isCaughtUp) || current.leaving.length === 0;
  return without(current.joining, current.leaving).filter((node) => isCaughtUp(node) && (isReady || !newNodes.includes(node)));
}

/**
 * The promotable nodes become voters, and with the last new node the leaving ones are removed: the joint configuration.
 * @param disks of the nodes that become voters.
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

/** A voter lost its disk, and with it its promises: it is removed and joins again like a new server, unless it is leaving anyway. */
export function replaceVoter(current: Configuration, node: NodeId): Configuration {
  const next = { ...current, joining: [...without(current.joining, [node]), node] };
  return normalized(joint(next, without(current.voters, [node])));
}

/** Leaves the joint configuration, once that is committed. */
export function leaveJoint(current: Configuration): Configuration {
  return normalized({ ...current, outgoing: [] });
}

/**
 * The same configuration with each node at most once in a list: a node named twice has one vote. A voter is neither a learner nor joining,
 * and no node is leaving unless a new node is joining. Logs and checkpoints of earlier releases may contain configurations without these
 * properties.
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

/** Joining nodes that were not voters before. A former voter is identified by the disk that it lost. */
const newNodesOf = ({ joining, leaving, disks }: Configuration): readonly NodeId[] =>
  joining.filter((node) => !leaving.includes(node) && !disks.some((known) => known.node === node));

export const isJoint = (configuration: Configuration): boolean => configuration.outgoing.length > 0;

function recordOf({ disks }: Configuration, node: NodeId): VoterDisk | undefined {
  for (const known of disks) if (known.node === node) return known;
  return undefined;
}

/** The disk that a voter votes with; zero for any. */
export const diskOf = (configuration: Configuration, node: NodeId): DiskId | 0 => recordOf(configuration, node)?.disk ?? 0;

/** The recorded generation of the voter's disk; zero for none. */
export const generationOf = (configuration: Configuration, node: NodeId): Generation =>
  recordOf(configuration, node)?.generation ?? ANY_GENERATION;

/** Whether that disk is the one that the voter votes with. A disk of zero matches any. */
export function isVotersDisk(configuration: Configuration, node: NodeId, disk: DiskId): boolean {
  const expected = diskOf(configuration, node);
  return expected === 0 || disk === 0 || expected === disk;
}

/** Whether a message is bound by this voter's promises: it comes from its disk, and not from a copy that is older than the record. */
export const isVotersState = (configuration: Configuration, node: NodeId, { disk, generation }: DiskState): boolean =>
  isVotersDisk(configuration, node, disk) && (disk === 0 || isAccepted(generationOf(configuration, node), generation));

/**
 * Whether the life of the disk that replies is the recorded one. One that is accepted without a record may be of a copy. Without an entry
 * for the voter's disk there is nothing to compare, nor for a file without a generation.
 */
export function isLifeOnRecord(configuration: Configuration, node: NodeId, { disk, generation }: DiskState): boolean {
  const record = recordOf(configuration, node);
  return record === undefined || disk === 0 || (record.disk === disk && isLifeOf(record, generation));
}

/** Whether the voter's record in the later configuration, its disk and life, was already in the earlier one. */
export function isSameRecord(later: Configuration, earlier: Configuration, node: NodeId): boolean {
  const [record, before] = [recordOf(later, node), recordOf(earlier, node)];
  if (record === undefined) return true;
  return before !== undefined && before.disk === record.disk && isLifeOf(before, record.generation ?? ANY_GENERATION);
}

/**
 * Whether they differ at most in records of generations: each node has the same part, and each voter the same disk. Then majorities are the
 * same.
 */
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

/** A disk, and the state of its file. */
export interface DiskState {
  readonly disk: DiskId;
  readonly generation: Generation;
}

/** The configuration with the later generations of the voters' disks that were seen, or undefined if there are none. */
export function recorded(current: Configuration, seenOf: (node: NodeId) => DiskState | undefined): Configuration | undefined {
  for (const known of current.disks) {
    if (renewed(known, seenOf) !== known) return { ...current, disks: current.disks.map((disk) => renewed(disk, seenOf)) };
  }
  return undefined;
}

function renewed(known: VoterDisk, seenOf: (node: NodeId) => DiskState | undefined): VoterDisk {
  const seen = seenOf(known.node);
  const before = known.generation ?? ANY_GENERATION;
  if (seen === undefined || seen.disk !== known.disk || counterOf(seen.generation) <= counterOf(before)) return known;
  return { ...known, generation: seen.generation };
}

const joint = (current: Configuration, voters: readonly NodeId[]): Configuration => ({ ...current, voters, outgoing: current.voters });

const without = (nodes: readonly NodeId[], gone: readonly NodeId[]): NodeId[] => nodes.filter((node) => !gone.includes(node));
