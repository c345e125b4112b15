import { RAFT_DEFAULTS } from '../../../src/index.ts';

/** Bounds of the election timeout in milliseconds; without randomness they are equal. */
export interface TimeoutRange {
  readonly minMs: number;
  readonly maxMs: number;
}

const rangesFrom = (pairs: readonly (readonly [minMs: number, maxMs: number])[]): readonly TimeoutRange[] =>
  pairs.map(([minMs, maxMs]) => ({ minMs, maxMs }));

/** The ranges of Figure 16 of the Raft paper: above with more randomness, below with longer timeouts. */
export const BY_RANDOMNESS = rangesFrom([
  [150, 150],
  [150, 151],
  [150, 155],
  [150, 175],
  [150, 200],
  [150, 300],
]);
export const BY_LENGTH = rangesFrom([
  [12, 24],
  [25, 50],
  [50, 100],
  [100, 200],
  [150, 300],
]);

export const nameOf = ({ minMs, maxMs }: TimeoutRange): string => `${minMs}–${maxMs}`;

/** Of a cluster whose configuration names no other. */
export const DEFAULT_RANGE: TimeoutRange = {
  minMs: RAFT_DEFAULTS.electionTimeoutMs,
  maxMs: RAFT_DEFAULTS.electionTimeoutMaxMs === 0 ? 2 * RAFT_DEFAULTS.electionTimeoutMs : RAFT_DEFAULTS.electionTimeoutMaxMs,
};

/** Each range once. */
export const TIMEOUT_RANGES: readonly TimeoutRange[] = [
  ...new Map([...BY_RANDOMNESS, ...BY_LENGTH].map((range) => [nameOf(range), range])).values(),
];

/** "The leader was crashed uniformly randomly within its heartbeat interval, which was half of the minimum election timeout" (Raft §9.3). */
export const heartbeatMsOf = ({ minMs }: TimeoutRange): number => Math.floor(minMs / 2);
