/** One figure of one round, as in results/bench.csv. */
export interface BenchFigure {
  readonly figure: string;
  readonly unit: Unit;
  readonly value: number;
  /** False for a rate that did not become steady, or was not measured for long enough. Default: true. */
  readonly isSteady?: boolean;
}

/** `count`: of events; `%`: of one core; `MB`: 10^6 B; `×`: a ratio. */
export type Unit = 'ms' | '/s' | 'MB/s' | '%' | 'B' | 'MB' | 'count' | '×';

/** A goal for the median of all values, or for the worst of them. */
export interface Goal {
  readonly of: 'median' | 'worst';
  readonly limit: number;
  /** Another figure whose median also meets the goal, where the machine itself allows no more. */
  readonly orFigure?: string;
}

/**
 * The machine's own time or rate for the same work, without jobraft.
 * - `commit`: one SQLite commit
 * - `reply`: one SQLite commit and two port round trips: client to leader, leader to follower. No durable reply of a majority takes less.
 *   Where all nodes are on one disk their commits slow each other down: the time of simultaneous commits is shown beside it
 *   (`commitOfNodes`).
 * - `disk`: as many files as nodes, written one synced MiB at a time
 * - `none`: no floor
 */
export type FloorKind = 'commit' | 'reply' | 'disk' | 'none';

/** A figure of a measure, and its goals. */
export interface FigureDefinition {
  readonly name: string;
  readonly unit: Unit;
  readonly better: 'more' | 'less';
  readonly floor: FloorKind;
  readonly goals?: readonly Goal[];
  /** In the table of docs/performance.md also without a goal. */
  readonly isShown?: true;
  /** A condition of the session, not a result: sessions are not compared by it. */
  readonly isCondition?: true;
}

export const FLOOR = Object.freeze({
  fdatasync: 'floor: fdatasync, 4 KiB',
  commit: 'floor: SQLite commit, synchronous=FULL',
  commitOfNodes: 'floor: SQLite commit, the same to one file a node at once',
  roundTrip: 'floor: MessagePort round trip',
  disk: 'floor: disk, 1 MiB writes, each synced',
  diskOfNodes: 'floor: disk, the same to one file a node at once',
  largePayloads: 'floor: 64 KiB payloads, shared by threads, synced by a majority',
  hugePayloads: 'floor: 1 MiB payloads, shared by threads, synced by a majority',
});

/** Medians of the floor's figures; `undefined` where they were not measured. */
export type FloorMedians = (name: string) => number | undefined;

/**
 * A figure in units of its floor: how many floors a time is, how much of a rate one floor's time is worth, which share of the disk's
 * speed is reached. `undefined` for a figure without a floor, or when it was not measured.
 */
export function ratioToFloor(
  { unit, floor }: Pick<FigureDefinition, 'unit' | 'floor'>,
  value: number,
  medianOf: FloorMedians,
): number | undefined {
  const floorValue = floorOf(floor, medianOf);
  if (floorValue === undefined || floorValue <= 0) return undefined;
  return unit === '/s' ? (value * floorValue) / 1000 : value / floorValue;
}

function floorOf(kind: FloorKind, medianOf: FloorMedians): number | undefined {
  const commit = medianOf(FLOOR.commit);
  const roundTrip = medianOf(FLOOR.roundTrip);
  switch (kind) {
    case 'commit':
      return commit;
    case 'reply':
      return commit === undefined || roundTrip === undefined ? undefined : commit + 2 * roundTrip;
    case 'disk':
      return medianOf(FLOOR.diskOfNodes);
    case 'none':
      return undefined;
  }
}
