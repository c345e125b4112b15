import { z } from 'zod';
import type { DeliveryTally } from '../../load/delivery-tally.ts';
import type { SendResult } from '../../load/load-plan.ts';
import { longestSilence } from '../../measuring/acknowledgements.ts';
import { round, summarizeLatency } from '../../measuring/latency-summary.ts';
import { count, optionalNumber } from '../cells.ts';

export const FAULTS = ['killed', 'paused', 'isolated'] as const;
export type LeaderFault = (typeof FAULTS)[number];

/**
 * `threads` beside the client, in its process; or each node a process, by gRPC; or threads of another process that shares a folder with that
 * of the client: that process fails, and with it all nodes.
 */
export const NODES_AS = ['threads', 'processes', 'shared folder'] as const;
export type NodesAs = (typeof NODES_AS)[number];

/** A host's nodes cannot be cut off from each other: they are threads of one process. */
export const FAULTS_OF: Readonly<Record<NodesAs, readonly LeaderFault[]>> = {
  threads: FAULTS,
  processes: FAULTS,
  'shared folder': ['killed', 'paused'],
};

/** Times are in milliseconds since the fault began; a column that the kind of row lacks is null. */
export const failoverRow = z.object({
  fault: z.enum(FAULTS),
  /** `summary`: the whole load; `bin`: {@link BIN_MS} of it. */
  kind: z.enum(['summary', 'bin']),
  /** Start of the bin. */
  at_ms: optionalNumber,
  /** Acknowledged; in a bin by the time of the acknowledgement. */
  acknowledged: count,
  /** Acknowledged − due, of the messages that were due in the bin; in a summary of those due from the fault on. */
  latency_p50_ms: optionalNumber,
  /** A bin has too few messages for it. */
  latency_p99_ms: optionalNumber,
  latency_max_ms: optionalNumber,
  /** Acknowledged more than {@link LATE_MS} after they were due. */
  late: optionalNumber,
  rejected: optionalNumber,
  /** Without a reply, or rejected with an unknown outcome. */
  unknown: optionalNumber,
  /** Acknowledged, and not delivered when the queue was drained. */
  lost: optionalNumber,
  duplicated: optionalNumber,
  /** The longest time between two acknowledgements, from the fault until another node leads and acknowledges: as the bench defines it. */
  gap_ms: optionalNumber,
  gap_from_ms: optionalNumber,
  /** The same from then on, as the repaired node returns. */
  later_gap_ms: optionalNumber,
  /** When a survivor first named another leader; null where the nodes of a stopped host all go on. */
  leader_ms: optionalNumber,
  /** When the repair began. */
  repaired_ms: optionalNumber,
  /** Terms that began. */
  elections: optionalNumber,
  /** A CSV without this column has threads. */
  nodes_as: z.enum(NODES_AS).default('threads'),
});
export type FailoverRow = z.infer<typeof failoverRow>;

export const BIN_MS = 10;
export const BINS_FROM_MS = -500;
export const BINS_TO_MS = 3000;
export const LATE_MS = 100;
/** An outage is over so long after the next leader's first acknowledgement. */
const OUTAGE_TAIL_MS = 100;

/** What was seen of one failover. Times are those of `process.hrtime`, in milliseconds. */
export interface SeenFailover {
  readonly fault: LeaderFault;
  readonly nodesAs: NodesAs;
  readonly faultMs: number;
  /** `undefined` if there was none before the repair, which ended the outage. */
  readonly leaderMs: number | undefined;
  readonly repairedMs: number;
  readonly elections: number;
  /** With the times of each message. */
  readonly sent: SendResult;
  readonly tally: DeliveryTally;
}

/** One summary, then the bins. */
export function failoverRows(seen: SeenFailover): readonly FailoverRow[] {
  const { times } = seen.sent;
  if (times.type !== 'samples') throw new Error('The bins need the times of each message.');
  const messages = Array.from(times.dueMs, (dueMs, at) => ({
    dueMs: dueMs - seen.faultMs,
    acknowledgedMs: (times.acknowledgedMs[at] ?? Number.NaN) - seen.faultMs,
  }));
  const acknowledged = messages.filter((message) => !Number.isNaN(message.acknowledgedMs));
  return [summaryOf(seen, acknowledged), ...binsOf(seen, acknowledged)];
}

interface Message {
  readonly dueMs: number;
  readonly acknowledgedMs: number;
}

const latencyOf = ({ dueMs, acknowledgedMs }: Message): number => acknowledgedMs - dueMs;

function summaryOf(
  { fault, nodesAs, faultMs, leaderMs, repairedMs, elections, sent, tally }: SeenFailover,
  messages: readonly Message[],
): FailoverRow {
  const ascending = messages.map((message) => message.acknowledgedMs).sort((a, b) => a - b);
  const servedMs = ascending.find((atMs) => atMs > (leaderMs ?? repairedMs) - faultMs) ?? Number.NaN;
  const overMs = servedMs + OUTAGE_TAIL_MS;
  const gap = longestSilence(
    ascending.filter((atMs) => atMs <= overMs),
    0,
  );
  const later = longestSilence(ascending, overMs);
  const latency = summarizeLatency(messages.filter(({ dueMs }) => dueMs >= 0).map(latencyOf));
  return {
    fault,
    kind: 'summary',
    at_ms: null,
    acknowledged: sent.acknowledged,
    latency_p50_ms: latency.p50Ms,
    latency_p99_ms: latency.p99Ms,
    latency_max_ms: latency.maxMs,
    late: messages.filter((message) => latencyOf(message) > LATE_MS).length,
    rejected: sent.failed,
    unknown: sent.unknown,
    lost: tally.lost,
    duplicated: tally.duplicated,
    gap_ms: gap === undefined ? null : round(gap.toMs - gap.fromMs),
    gap_from_ms: gap === undefined ? null : round(gap.fromMs),
    later_gap_ms: later === undefined ? null : round(later.toMs - later.fromMs),
    leader_ms: leaderMs === undefined ? null : round(leaderMs - faultMs),
    repaired_ms: round(repairedMs - faultMs),
    elections,
    nodes_as: nodesAs,
  };
}

function binsOf({ fault, nodesAs }: SeenFailover, messages: readonly Message[]): readonly FailoverRow[] {
  const binOf = (atMs: number): number => Math.floor(atMs / BIN_MS) * BIN_MS;
  const due = Map.groupBy(messages, ({ dueMs }) => binOf(dueMs));
  const acknowledged = Map.groupBy(messages, ({ acknowledgedMs }) => binOf(acknowledgedMs));
  const bins = Array.from({ length: (BINS_TO_MS - BINS_FROM_MS) / BIN_MS }, (_, bin) => BINS_FROM_MS + bin * BIN_MS);
  return bins.map((at_ms) => {
    const latency = summarizeLatency((due.get(at_ms) ?? []).map(latencyOf));
    return {
      fault,
      kind: 'bin',
      at_ms,
      acknowledged: acknowledged.get(at_ms)?.length ?? 0,
      latency_p50_ms: latency.p50Ms,
      latency_p99_ms: latency.p99Ms,
      latency_max_ms: latency.maxMs,
      ...NOT_IN_BINS,
      nodes_as: nodesAs,
    };
  });
}

const NOT_IN_BINS = {
  ...{ late: null, rejected: null, unknown: null, lost: null, duplicated: null },
  ...{ gap_ms: null, gap_from_ms: null, later_gap_ms: null, leader_ms: null, repaired_ms: null, elections: null },
};
