/** One figure of one round, as it is written in results/bench.csv. */
export interface BenchFigure {
  readonly figure: string;
  readonly unit: Unit;
  readonly value: number;
  /** Of the cluster that gave it; the session's own where it says nothing else. */
  readonly nodes?: number;
}

/** `/job`: a count for each committed job; `count`: of what happened; `%`: of one core; `MB`: 10^6 B; `×`: a ratio. */
export type Unit = 'ms' | '/s' | 'MB/s' | '%' | 'B' | 'MB' | '/job' | 'count' | '×';

/** A number to reach: by the median of all values, or by the worst of them. */
export interface Goal {
  readonly of: 'median' | 'worst';
  readonly limit: number;
  /** Another figure's median that is enough, where the machine itself can do no better. */
  readonly orFigure?: string;
}

/**
 * What the machine takes for the same thing without jobraft.
 * - `commit`: one SQLite commit
 * - `reply`: one SQLite commit and two port round trips: client to leader, leader to follower. No durable reply of a majority takes less.
 *   Where all nodes are on one disk their commits hold each other up: what they take at the same time is shown beside it (`commitOfNodes`).
 * - `disk`: as many files as nodes, written one synced MiB at a time
 * - `none`: there is nothing to compare with
 */
export type FloorKind = 'commit' | 'answer' | 'disk' | 'none';

/** What a measure can give, and how it is judged. */
export interface FigureDefinition {
  readonly name: string;
  readonly unit: Unit;
  readonly better: 'more' | 'less';
  readonly floor: FloorKind;
  readonly goals?: readonly Goal[];
  /** What the session was measured under, and no result of it: sessions are not compared by it. */
  readonly isCondition?: true;
}

export const FLOOR = Object.freeze({
  fdatasync: 'floor: fdatasync, 4 KiB',
  commit: 'floor: SQLite commit, synchronous=FULL',
  commitOfNodes: 'floor: SQLite commit, the same to one file a node at once',
  roundTrip: 'floor: MessagePort round trip',
  disk: 'floor: disk, 1 MiB writes, each synced',
  diskOfNodes: 'floor: disk, the same to one file a node at once',
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
    case 'answer':
      return commit === undefined || roundTrip === undefined ? undefined : commit + 2 * roundTrip;
    case 'disk':
      return medianOf(FLOOR.diskOfNodes);
    case 'none':
      return undefined;
  }
}
