import type { ClusterLimits } from '../config/limits.ts';
import type { StateBounds } from '../queue/state-bounds.ts';
import type { RaftConfig } from '../raft/config.ts';
import { FAULT_TYPES, type Fault, type FaultType } from './fault.ts';
import { MEMBER_STORIES, type MemberStory } from './member-story.ts';
import { SimRandom } from './sim-random.ts';
import { drawDimensions, WORKLOAD_DEFAULTS, type Workload } from './workload.ts';

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
  /** Nodes that start with the code of state-machine version 1, and when each is upgraded by a restart. */
  readonly upgrades: readonly Upgrade[];
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
  bounds: {},
  workload: WORKLOAD_DEFAULTS,
  laterLimits: [],
  story: undefined,
} as const satisfies Partial<Plan>;

export const MACHINE_NAMES = ['queue', 'counter'] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];

export interface PlanOptions {
  /** Default: the queue. */
  readonly machine?: MachineName | undefined;
  readonly nodes: number;
  readonly seconds: number;
}

/** Swarm testing: each seed chooses the kinds of faults, their frequency, and how small the limits are. */
export function planOf(seed: number, { nodes, seconds, machine = 'queue' }: PlanOptions): Plan {
  const random = new SimRandom(seed);
  const faultMs = seconds * 1000;
  const spares = random.withProbability(0.5) ? random.below(3) : 0;
  const leaseMs = random.withProbability(0.4) ? 150 : 0;
  const raft: Partial<RaftConfig> = {
    heartbeatMs: random.of([20, 40, 80]),
    electionTimeoutMs: random.of([200, 250, 400]),
    lostLeaderElectionMs: random.of([5, 20]),
    messageBytesMax: random.of([200, 1_000, 65_536]),
    inflightMessagesMax: random.of([1, 2, 8, 64]),
    inflightBytesMax: random.of([2_048, 1_048_576]),
    uncommittedBytesMax: random.of([4_096, UNCOMMITTED_BYTES_MAX]),
    leaseMs,
  };
  const limits: Partial<ClusterLimits> = {
    entryBytesMax: random.of([256, ENTRY_BYTES_MAX]),
    checkpointEntries: random.of([3, 10, 40, 1_000]),
    checkpointRecords: random.of([5, 50, 10_000]),
    tailEntries: random.of([0, 1, 2, 10, 100]),
    // Not drawn from the seed, so that its other choices stay the same.
    payloadInEntryBytes: seed % 2 === 0 ? 1 : 65_536,
    followerTailBytes: seed % 7 < 3 ? 1 : 65_536,
    replyBytesMax: seed % 3 === 0 ? 64 : 65_536,
    turnBytesMax: seed % 5 === 0 ? 256 : 65_536,
    snapshotChunkBytes: random.of([64, 300, CHUNK_BYTES_MAX]),
    parkedClaimsMax: random.of([1, 100]),
  };
  const isLossy = random.withProbability(0.5);
  const network: NetworkPlan = {
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
  const kinds = DRAWN_TYPES.filter((type) => random.withProbability(SHARES[type]));
  const faults: Fault[] = [];
  const all = nodes + spares;
  for (const type of kinds) {
    const count = 1 + random.below(Math.max(1, Math.round(seconds * random.of([0.3, 0.8, 2]))));
    for (let made = 0; made < count; made += 1) faults.push(faultOf(type, random, all, faultMs));
  }
  const drift = random.of([0, 0.001, 0.05]);
  const clients = 1 + random.below(4);
  const operations = 30 + random.below(60);
  // From a separate stream, so that the seed's other choices stay the same.
  const later = new SimRandom(seed * 7_919 + 1_000_003);
  const steps = clockSteps(later, faultMs);
  const upgrades = later.withProbability(0.25) ? upgradesOf(later, nodes, spares, faultMs) : [];
  const isVersionAsked = upgrades.length > 0 || later.withProbability(0.1);
  const suspends: Fault[] = [];
  if (later.withProbability(0.1)) suspends.push({ type: 'suspend', atMs: Math.round(later.below(faultMs)), durationMs: SUSPENDED_MS });
  // In version 1 a late copy of an opening opened the same session again after it was evicted, and its requests were executed
  // twice: therefore no session ends while that version may be in force.
  const isStepped = steps.length > 0 && !isVersionAsked;
  if (!isVersionAsked) faults.push(...steps, ...suspends);
  const crowdAtMs = Math.round(later.below(faultMs));
  const dimensions = drawDimensions(new SimRandom(seed * 15_485_863 + 32_452_843), isVersionAsked);
  const { bounds, workload, laterLimits } = dimensions;
  // Small entries and chunks take too long with many clients.
  const isRoomy =
    limits.entryBytesMax === ENTRY_BYTES_MAX &&
    [limits, ...laterLimits].every(({ snapshotChunkBytes = CHUNK_BYTES_MAX }) => snapshotChunkBytes === CHUNK_BYTES_MAX) &&
    raft.uncommittedBytesMax === UNCOMMITTED_BYTES_MAX;
  const areSessionsBounded = Object.keys(bounds).some((bound) => bound.startsWith('session'));
  if (!isVersionAsked && isRoomy && !areSessionsBounded) faults.push({ type: 'crowd', atMs: crowdAtMs });
  for (let left = later.withProbability(0.35) ? 1 + later.below(4) : 0; left > 0; left -= 1)
    faults.push({ type: 'hang-up', atMs: Math.round(later.below(faultMs)), client: later.below(clients) });
  const members = new SimRandom(seed * 49_979_687 + 67_867_967);
  const story = members.withProbability(0.25) ? members.of(MEMBER_STORIES) : undefined;
  const isRepeating = members.withProbability(0.1);
  for (let left = later.withProbability(0.3) ? 1 + later.below(4) : 0; left > 0; left -= 1) {
    const atMs = Math.round(later.below(faultMs));
    // Often several at once: each has to wait for the one before, or is rejected.
    for (const node of repairsOf(later, all)) faults.push({ type: 'repair', atMs, node, downMs: later.of([1, 30, 400]) });
  }
  for (let left = later.withProbability(0.3) ? 1 + later.below(4) : 0; left > 0; left -= 1) {
    const node = 1 + later.below(nodes);
    const atMs = Math.round(later.below(faultMs));
    faults.push({ type: 'roll-back', atMs, node, afterMs: later.of([50, 500, 2_000]), downMs: later.of([1, 30, 400]) });
  }
  const late = lateReplies(new SimRandom(seed * 86_028_121 + 49_979_693), nodes, faultMs);
  // It takes a while, in which other faults usually prevent it.
  if (late.isOnlyFault) faults.length = 0;
  else faults.push(...endsUnderLoad(new SimRandom(seed * 122_949_823 + 15_485_863), all, clients, faultMs));
  faults.push(...late.faults);
  faults.sort((one, other) => one.atMs - other.atMs);
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
    faults: isRepeating ? faults.map(repeated) : faults,
    longDelayMs: isStepped ? stepsMsOf(faults) + 2 * SUSPENDED_MS : 0,
    isVersionAsked,
    upgrades,
    bounds,
    workload,
    laterLimits,
    story,
  };
}

/** A change of members that names some of them more than once. */
const repeated = (fault: Fault): Fault =>
  fault.type === 'change' ? { ...fault, add: [...fault.add, ...fault.add], remove: [...fault.remove, ...fault.remove.slice(0, 1)] } : fault;

const ENTRY_BYTES_MAX = 65_536;
const CHUNK_BYTES_MAX = 65_536;
const UNCOMMITTED_BYTES_MAX = 1_048_576;
/** More than an hour. */
const SUSPENDED_MS = 3_700_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const repairsOf = (random: SimRandom, nodes: number): number[] =>
  Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(nodes));

/** In some seeds of larger clusters a replaced leader reaches a restored node. */
function lateReplies(
  random: SimRandom,
  nodes: number,
  faultMs: number,
): { readonly faults: readonly Fault[]; readonly isOnlyFault: boolean } {
  if (nodes < 4 || !random.withProbability(0.15)) return { faults: [], isOnlyFault: false };
  const isOnlyFault = random.withProbability(0.5);
  const faults = Array.from({ length: 1 + random.below(3) }, (): Fault => {
    return {
      type: 'late-acknowledgement',
      atMs: Math.round(random.below(faultMs)),
      node: 1 + random.below(nodes),
      downMs: random.of([1, 30]),
    };
  });
  return { faults, isOnlyFault };
}

/** Some seeds step wall clocks by hours or days, mostly the leader's. */
function clockSteps(random: SimRandom, faultMs: number): Fault[] {
  if (!random.withProbability(0.35)) return [];
  return Array.from({ length: 1 + random.below(4) }, () => {
    const jumpMs = random.of([HOUR_MS, DAY_MS, 30 * DAY_MS]) * (random.withProbability(0.5) ? 1 : -1);
    return { type: 'wall-clock', atMs: Math.round(random.below(faultMs)), node: random.withProbability(0.7) ? 0 : 1, jumpMs };
  });
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

/**
 * All disks are stuck, so that the leader may accept no more, and clients with answered claims end: the leader then has jobs to release.
 */
function endsUnderLoad(dice: SimRandom, nodes: number, clients: number, faultMs: number): Fault[] {
  if (!dice.withProbability(0.1)) return [];
  const faults: Fault[] = [];
  for (let left = 1 + dice.below(4); left > 0; left -= 1) {
    const atMs = Math.round(dice.below(faultMs));
    for (let node = 1; node <= nodes; node += 1) faults.push({ type: 'stall', atMs, node, durationMs: 600 });
    for (let client = 0; client < clients; client += 1) faults.push({ type: 'hang-up', atMs: atMs + dice.below(100), client });
  }
  return faults;
}

/** From a separate stream. */
const LATER_TYPES = ['suspend', 'crowd', 'hang-up', 'repair', 'roll-back', 'late-acknowledgement'] as const;
type DrawnType = Exclude<FaultType, (typeof LATER_TYPES)[number]>;
const DRAWN_TYPES = FAULT_TYPES.filter((type): type is DrawnType => !LATER_TYPES.some((later) => later === type));

/** Probability that a seed has faults of a kind. */
const SHARES: Readonly<Record<DrawnType, number>> = {
  crash: 0.6,
  'fail-write': 0.3,
  stall: 0.3,
  pause: 0.3,
  flip: 0.15,
  'lose-disk': 0.2,
  partition: 0.5,
  'one-way': 0.3,
  channel: 0.3,
  'wall-clock': 0.2,
  transfer: 0.3,
  'split-change': 0.15,
  're-elected-leader': 0.15,
  replay: 0.3,
  'isolate-leader-inbound': 0.3,
  'paused-leader': 0.3,
  'isolate-transferring-leader': 0.3,
  change: 0.4,
};

function faultOf(type: DrawnType, random: SimRandom, nodes: number, faultMs: number): Fault {
  const atMs = Math.round(random.below(faultMs));
  const node = 1 + random.below(nodes);
  const other = 1 + ((node + random.below(Math.max(1, nodes - 1))) % nodes);
  const downMs = random.of([1, 30, 400, 1_500]);
  const durationMs = random.of([20, 150, 600, 1_500]);
  const ids = Array.from({ length: nodes }, (_, at) => at + 1);
  const some = () => ids.filter(() => random.withProbability(0.4));
  switch (type) {
    case 'crash':
      return { type, atMs, node, downMs, isNoticed: random.withProbability(0.5) };
    case 'fail-write':
      return { type, atMs, node, downMs, survives: random.withProbability(0.5), isFull: random.withProbability(0.2) };
    case 'stall':
    case 'pause':
      return { type, atMs, node, durationMs };
    case 'flip':
      return { type, atMs, node, downMs, pick: random.below(1_000_000), bit: random.below(4_096) };
    case 'lose-disk':
      return { type, atMs, node, downMs };
    case 'partition':
      return { type, atMs, durationMs, group: some() };
    case 'one-way':
      return { type, atMs, durationMs, from: node, to: other };
    case 'channel':
      return { type, atMs, node, peer: other };
    case 'wall-clock':
      return { type, atMs, node, jumpMs: random.of([-60_000, -500, 500, 60_000]) };
    case 'transfer':
      return { type, atMs, to: random.withProbability(0.5) ? 0 : node };
    case 're-elected-leader':
      return { type, atMs, durationMs: random.of([400, 800]) };
    case 'split-change':
      return { type, atMs, durationMs: random.of([600, 1_500]), downMs };
    case 'replay':
    case 'isolate-leader-inbound':
      return { type, atMs, durationMs, isOutboundToo: random.withProbability(0.5) };
    case 'paused-leader':
    case 'isolate-transferring-leader':
      return { type, atMs, durationMs };
    case 'change': {
      const add = random.withProbability(0.6) ? some() : [];
      const remove = random.withProbability(0.6) ? some().filter((id) => !add.includes(id)) : [];
      const learners = random.withProbability(0.2) ? some().filter((id) => !add.includes(id)) : [];
      return { type, atMs, add, remove, learners };
    }
  }
}
