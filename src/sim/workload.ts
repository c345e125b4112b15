import type { ClusterLimits } from '../config/limits.ts';
import type { StateBounds } from '../queue/state-bounds.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { SimRandom } from './sim-random.ts';

/** The operations of a plan's clients. */
export interface Workload {
  /** Maximum number of a client's unanswered requests, and of those that it starts at once. */
  readonly outstandingMax: number;
  readonly burstMax: number;
  readonly operationsPerRequestMax: number;
  readonly queues: number;
  /** Which finished jobs are kept: all; a number per queue; or a number per job. */
  readonly retention: 'all' | 'by-queue' | 'by-job';
  readonly isBackoffExponential: boolean;
  /** Bytes of some payloads and results. Without any, payloads have at most some 500 bytes and results a few. */
  readonly sizes: readonly number[];
  /** Some payloads and results are larger than `limits.payloadBytesMax`. */
  readonly isOversized: boolean;
  /** Clients set and remove job schedulers. */
  readonly hasSchedulers: boolean;
  /** Each client follows the events of a queue. */
  readonly hasReaders: boolean;
  /** Clients add flows. */
  readonly hasFlows: boolean;
}

export const WORKLOAD_DEFAULTS: Workload = Object.freeze({
  outstandingMax: 3,
  burstMax: 1,
  operationsPerRequestMax: 3,
  queues: 2,
  retention: 'all',
  isBackoffExponential: false,
  sizes: [],
  isOversized: false,
  hasSchedulers: false,
  hasReaders: false,
  hasFlows: false,
});

/** The parts of a plan that are drawn here. */
export interface Dimensions {
  readonly workload: Workload;
  readonly bounds: Partial<StateBounds>;
  /** Limits that replace a node's limits after a restart: one of these, by node and life. Empty: limits stay the same. */
  readonly laterLimits: readonly Partial<ClusterLimits>[];
  readonly limits: Partial<ClusterLimits>;
  readonly raft: Partial<RaftConfig>;
}

/** Snapshots of payloads larger than this take too long in small chunks. */
const SMALL_BYTES_MAX = 4_000;
/** Mostly small ones, since large ones take long. */
const LARGE_SIZES: readonly [readonly number[], ...(readonly number[])[]] = [
  [100, 5_000, 20_000],
  [100, 100, 100, 70_000],
  [100, 100, 100, 100, 100, 200_000],
];
const OVERSIZED_BEYOND_BYTES = 2_000;
const LARGE_LIMITS: Partial<ClusterLimits> = { entryBytesMax: 262_144, snapshotChunkBytes: 65_536 };
const LARGE_RAFT: Partial<RaftConfig> = { uncommittedBytesMax: 1_048_576, inflightBytesMax: 1_048_576, messageBytesMax: 65_536 };

/**
 * Draws the clients' operations and the bounds of the state.
 * @param isVersionAsked whether the first state-machine version may be in force: in it late openings open ended sessions again, so that
 *   sessions do not end.
 */
export function drawDimensions(random: SimRandom, isVersionAsked: boolean): Dimensions {
  const bounds: Partial<StateBounds> = {
    ...(random.withProbability(0.35) && !isVersionAsked ? sessionBounds(random) : {}),
    ...(random.withProbability(0.2) ? { duePerEntryMax: random.of([1, 2]) } : {}),
    ...(random.withProbability(0.1) ? { deduplicationIdsMax: 3 } : {}),
    ...(random.withProbability(0.3) ? { trimPerFinishMax: random.of([1, 2]) } : {}),
  };
  const isPipelined = random.withProbability(0.25);
  const isLarge = random.withProbability(0.12);
  const isOversized = !isLarge && random.withProbability(0.15);
  const workload: Workload = {
    outstandingMax: isPipelined ? random.of([8, 24]) : WORKLOAD_DEFAULTS.outstandingMax,
    burstMax: isPipelined ? random.of([2, 6]) : WORKLOAD_DEFAULTS.burstMax,
    operationsPerRequestMax: !isLarge && random.withProbability(0.1) ? 20 : WORKLOAD_DEFAULTS.operationsPerRequestMax,
    queues: random.withProbability(0.3) ? 5 : WORKLOAD_DEFAULTS.queues,
    retention: random.of(['all', 'all', 'by-queue', 'by-job']),
    isBackoffExponential: random.withProbability(0.3),
    sizes: isLarge ? random.of(LARGE_SIZES) : !isOversized && random.withProbability(0.2) ? [100, SMALL_BYTES_MAX] : [],
    isOversized,
    hasSchedulers: false,
    hasReaders: false,
    hasFlows: false,
  };
  return {
    workload,
    bounds,
    laterLimits: random.withProbability(0.3) ? Array.from({ length: 3 }, () => limitsAfterRestart(random, isLarge)) : [],
    limits: { ...(isLarge ? LARGE_LIMITS : {}), ...(isOversized ? { payloadBytesMax: OVERSIZED_BEYOND_BYTES } : {}) },
    raft: isLarge ? LARGE_RAFT : {},
  };
}

/** In some plans only one of them, so that the reason for the end of a session is known. */
function sessionBounds(random: SimRandom): Partial<StateBounds> {
  const isIdle: Partial<StateBounds> = { sessionIdleMsMax: random.of([800, 3_000]) };
  const isCrowded: Partial<StateBounds> = { sessionsMax: random.of([2, 4, 8]) };
  const isForgetful: Partial<StateBounds> = {
    sessionRepliesMax: random.of([1, 3, 8]),
    sessionEvictedRunsMax: random.of([1, 2, 64]),
    ...(random.withProbability(0.3) ? { sessionReplyBytesMax: 200 } : {}),
  };
  return random.of([isIdle, isCrowded, isForgetful, { ...isIdle, ...isCrowded }, { ...isIdle, ...isCrowded, ...isForgetful }]);
}

function limitsAfterRestart(random: SimRandom, isLarge: boolean): Partial<ClusterLimits> {
  return {
    entryBytesMax: random.of([256, 65_536]),
    checkpointEntries: random.of([3, 40, 1_000]),
    tailEntries: random.of([0, 2, 100]),
    payloadInEntryBytes: random.of([1, 300, 65_536]),
    parkedClaimsMax: random.of([1, 100]),
    ...(isLarge ? {} : { snapshotChunkBytes: random.of([64, 300, 2_000, 65_536]) }),
  };
}
