import type { ClusterLimits } from '../config/limits.ts';
import { MACHINE_VERSION_FIRST } from '../protocol/machine-version.ts';
import type { StateBounds } from '../queue/state-bounds.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { Fault } from './fault.ts';
import type { MachineName } from './machine-names.ts';
import { MEMBER_STORIES, type MemberStory } from './member-story.ts';
import {
  clockSteps,
  crowd,
  drawnFaults,
  endsUnderLoad,
  hangUps,
  lateReplies,
  repairs,
  repliesToEarlierLives,
  rollBacks,
  SUSPENDED_MS,
  suspensions,
  withRepeatedChanges,
} from './plan-faults.ts';
import { SimRandom } from './sim-random.ts';
import { type Dimensions, drawDimensions, WORKLOAD_DEFAULTS, type Workload } from './workload.ts';

export interface NetworkPlan {
  readonly delayMs: readonly [number, number];
  /** Frames may be reordered. */
  readonly isReordering: boolean;
  readonly dropProbability: number;
  readonly duplicateProbability: number;
  /** The same for the frames between clients and nodes; those are never reordered. */
  readonly clientDropProbability: number;
}

/** All parameters of a run: the same plan gives the same run. */
export interface Plan {
  readonly seed: number;
  /** The state machine that is simulated. */
  readonly machine: MachineName;
  /** The initial voters are 1 to `nodes`; the next `spares` ids run as well and may be added. */
  readonly nodes: number;
  readonly spares: number;
  /** Faults are injected until then; afterwards everything is healed, and progress is required. */
  readonly faultMs: number;
  readonly clients: number;
  /** Operations that each client begins, at most. */
  readonly operations: number;
  readonly raft: Partial<RaftConfig>;
  readonly limits: Partial<ClusterLimits>;
  readonly network: NetworkPlan;
  /** Maximum error of each node's clock, as a share of elapsed time. */
  readonly drift: number;
  readonly faults: readonly Fault[];
  /** Delay of some jobs, longer than any clock step of the plan; 0 for none. */
  readonly longDelayMs: number;
  /** Whether leaders ask the members for their state-machine versions. Otherwise all nodes have the newest. */
  readonly isVersionAsked: boolean;
  /** Nodes that start with code whose newest state-machine version is `oldVersion`, and when each is upgraded by a restart. */
  readonly upgrades: readonly Upgrade[];
  readonly oldVersion: number;
  /** Bounds of the queue's state that are smaller than in production. */
  readonly bounds: Partial<StateBounds>;
  readonly workload: Workload;
  /** Limits that replace a node's limits after a restart: one of these, by node and life. Empty: limits stay the same. */
  readonly laterLimits: readonly Partial<ClusterLimits>[];
  /** How an operator changes the members after the faults. */
  readonly story: MemberStory | undefined;
}

export interface Upgrade {
  readonly node: number;
  readonly atMs: number;
}

/** Defaults of newer fields, for plans that were saved without them. */
export const PLAN_DEFAULTS = {
  machine: 'queue',
  longDelayMs: 0,
  isVersionAsked: false,
  upgrades: [],
  oldVersion: MACHINE_VERSION_FIRST,
  bounds: {},
  workload: WORKLOAD_DEFAULTS,
  laterLimits: [],
  story: undefined,
} as const satisfies Partial<Plan>;

export interface PlanOptions {
  /** Default: the queue. */
  readonly machine?: MachineName | undefined;
  readonly nodes: number;
  readonly seconds: number;
}

/** Swarm testing: each seed chooses the kinds of faults, their frequency, and how small the limits are. */
export function planOf(seed: number, { nodes, seconds, machine = 'queue' }: PlanOptions): Plan {
  const { random, later, ...streams } = streamsOf(seed);
  const faultMs = seconds * 1000;
  const spares = random.withProbability(0.5) ? random.below(3) : 0;
  const all = nodes + spares;
  const raft = raftOf(random);
  const limits = limitsOf(random, seed);
  const network = networkOf(random);
  const drawn = drawnFaults(random, all, seconds);
  const drift = random.of([0, 0.001, 0.05]);
  const clients = 1 + random.below(4);
  const operations = 30 + random.below(60);

  const steps = clockSteps(later, faultMs);
  const upgrades = later.withProbability(0.25) ? upgradesOf(later, nodes, spares, faultMs) : [];
  const isVersionAsked = upgrades.length > 0 || later.withProbability(0.1);
  const isLaterVersion = machine === 'queue' && upgrades.length > 0 && streams.versions.withProbability(0.4);
  const oldVersion = isLaterVersion ? LATER_OLD_VERSION : MACHINE_VERSION_FIRST;
  const jumps = [...steps, ...suspensions(later, faultMs)];
  const crowds = [crowd(later, faultMs)];
  const others = [...hangUps(later, clients, faultMs), ...repairs(later, all, faultMs), ...rollBacks(later, nodes, faultMs)];

  const dimensions = withFeatures(drawDimensions(streams.dimensions, isVersionAsked), streams, machine);
  const { bounds, workload, laterLimits } = dimensions;
  const story = streams.members.withProbability(0.25) ? streams.members.of(MEMBER_STORIES) : undefined;
  const isRepeating = streams.members.withProbability(0.1);
  const late = lateReplies(streams.late, nodes, faultMs);
  const designed = [...endsUnderLoad(streams.ends, all, clients, faultMs), ...repliesToEarlierLives(streams.lives, nodes, faultMs)];

  // In version 1 a late copy of an opening opened the same session again after it was evicted, and its requests were executed
  // twice: therefore no session ends while that version may be in force.
  const sessionEnds = isVersionAsked ? [] : [...jumps, ...(mayCrowd(raft, [limits, ...laterLimits], bounds) ? crowds : [])];
  // It takes a while, in which other faults usually prevent it.
  const mixed = late.isOnlyFault ? late.faults : [...drawn, ...sessionEnds, ...others, ...designed, ...late.faults];
  const faults = mixed.toSorted((one, other) => one.atMs - other.atMs);
  return {
    seed,
    machine,
    nodes,
    // It needs a node that can join.
    spares: story === undefined ? spares : Math.max(1, spares),
    faultMs,
    clients,
    // Bursts would end at once.
    operations: workload.burstMax > 1 ? 2 * operations : operations,
    raft: { ...raft, ...dimensions.raft },
    limits: { ...limits, ...dimensions.limits, ...(late.isOnlyFault ? { checkpointEntries: 5 } : {}) },
    network,
    drift,
    faults: isRepeating ? withRepeatedChanges(faults) : faults,
    longDelayMs: steps.length > 0 && !isVersionAsked ? stepsMsOf(faults) + 2 * SUSPENDED_MS : 0,
    isVersionAsked,
    upgrades,
    oldVersion,
    bounds,
    workload,
    laterLimits,
    story,
  };
}

function withFeatures(
  drawn: Dimensions,
  { schedulers, flows, readers }: Pick<ReturnType<typeof streamsOf>, 'schedulers' | 'flows' | 'readers'>,
  machine: MachineName,
): Dimensions {
  const isQueue = machine === 'queue';
  const hasSchedulers = isQueue && schedulers.withProbability(SCHEDULERS_SHARE);
  const hasFlows = isQueue && flows.withProbability(FLOWS_SHARE);
  return withReaders({ ...drawn, workload: { ...drawn.workload, hasSchedulers, hasFlows } }, readers, machine);
}

/** Readers of events; in some plans they are slower than the bounds allow. */
function withReaders(drawn: Dimensions, random: SimRandom, machine: MachineName): Dimensions {
  const hasReaders = machine === 'queue' && random.withProbability(READERS_SHARE);
  const bounds =
    hasReaders && random.withProbability(0.5) ? { eventsPerQueueMax: random.of([8, 40]), eventsBytesMax: random.of([2_000, 100_000]) } : {};
  return { ...drawn, bounds: { ...drawn.bounds, ...bounds }, workload: { ...drawn.workload, hasReaders } };
}

/** Separate streams of random numbers: a further draw from one leaves a seed's draws from the others the same. */
const streamsOf = (seed: number) => ({
  random: new SimRandom(seed),
  later: new SimRandom(seed * 7_919 + 1_000_003),
  dimensions: new SimRandom(seed * 15_485_863 + 32_452_843),
  members: new SimRandom(seed * 49_979_687 + 67_867_967),
  late: new SimRandom(seed * 86_028_121 + 49_979_693),
  ends: new SimRandom(seed * 122_949_823 + 15_485_863),
  versions: new SimRandom(seed * 141_650_939 + 86_028_157),
  lives: new SimRandom(seed * 160_481_183 + 141_650_939),
  schedulers: new SimRandom(seed * 179_424_673 + 160_481_183),
  readers: new SimRandom(seed * 198_491_317 + 179_424_673),
  flows: new SimRandom(seed * 8_191 + 9_000_011),
});

/** Of the plans. */
const SCHEDULERS_SHARE = 0.5;
const READERS_SHARE = 0.4;
/** How many plans have flows. */
const FLOWS_SHARE = 0.3;
/** The cluster moves from the first version to this one before it moves to the newest. */
const LATER_OLD_VERSION = 3;
const ENTRY_BYTES_MAX = 65_536;
const CHUNK_BYTES_MAX = 65_536;
const UNCOMMITTED_BYTES_MAX = 1_048_576;

function raftOf(random: SimRandom): Partial<RaftConfig> {
  const leaseMs = random.withProbability(0.4) ? 150 : 0;
  return {
    heartbeatMs: random.of([20, 40, 80]),
    electionTimeoutMs: random.of([200, 250, 400]),
    lostLeaderElectionMs: random.of([5, 20]),
    messageBytesMax: random.of([200, 1_000, 65_536]),
    inflightMessagesMax: random.of([1, 2, 8, 64]),
    inflightBytesMax: random.of([2_048, 1_048_576]),
    uncommittedBytesMax: random.of([4_096, UNCOMMITTED_BYTES_MAX]),
    leaseMs,
  };
}

function limitsOf(random: SimRandom, seed: number): Partial<ClusterLimits> {
  return {
    entryBytesMax: random.of([256, ENTRY_BYTES_MAX]),
    checkpointEntries: random.of([3, 10, 40, 1_000]),
    checkpointRecords: random.of([5, 50, 10_000]),
    tailEntries: random.of([0, 1, 2, 10, 100]),
    // Not drawn, so that its other choices stay the same.
    payloadInEntryBytes: seed % 2 === 0 ? 1 : 65_536,
    followerTailBytes: seed % 7 < 3 ? 1 : 65_536,
    replyBytesMax: seed % 3 === 0 ? 64 : 65_536,
    turnBytesMax: seed % 5 === 0 ? 256 : 65_536,
    snapshotChunkBytes: random.of([64, 300, CHUNK_BYTES_MAX]),
    parkedClaimsMax: random.of([1, 100]),
  };
}

function networkOf(random: SimRandom): NetworkPlan {
  const isLossy = random.withProbability(0.5);
  return {
    delayMs: random.of<readonly [number, number]>([
      [0.05, 0.3],
      [0.5, 5],
      [1, 40],
    ]),
    isReordering: random.withProbability(0.3),
    dropProbability: isLossy ? random.of([0.005, 0.03, 0.1]) : 0,
    duplicateProbability: random.withProbability(0.3) ? 0.05 : 0,
    clientDropProbability: random.withProbability(0.3) ? 0.05 : 0,
  };
}

/** Whether a crowd of clients can be served in time, and no other bound ends their sessions. */
function mayCrowd(raft: Partial<RaftConfig>, limits: readonly Partial<ClusterLimits>[], bounds: Partial<StateBounds>): boolean {
  // Small entries and chunks take too long with many clients.
  const isRoomy =
    limits[0]?.entryBytesMax === ENTRY_BYTES_MAX &&
    limits.every(({ snapshotChunkBytes = CHUNK_BYTES_MAX }) => snapshotChunkBytes === CHUNK_BYTES_MAX) &&
    raft.uncommittedBytesMax === UNCOMMITTED_BYTES_MAX;
  return isRoomy && !Object.keys(bounds).some((bound) => bound.startsWith('session'));
}

/** Spares are upgraded last: some are added with old code after the cluster's version has changed. */
function upgradesOf(random: SimRandom, nodes: number, spares: number, faultMs: number): Upgrade[] {
  const isWhole = random.withProbability(0.7);
  const ids = Array.from({ length: nodes + spares }, (_, at) => at + 1).filter(() => isWhole || random.withProbability(0.5));
  return ids.map((node) => ({ node, atMs: Math.round((node > nodes ? 0.95 : random.between(0.05, 0.6)) * faultMs) }));
}

/** Maximum difference of wall clocks caused by their steps. */
export const stepsMsOf = (faults: readonly Fault[]): number =>
  faults.reduce((sum, fault) => sum + (fault.type === 'wall-clock' ? Math.abs(fault.jumpMs) : 0), 0);
