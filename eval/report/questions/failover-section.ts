import { failoverChartNames } from '../../charts/questions/failover-chart.ts';
import { countOf, formatCount, formatNumber, formatSpread } from '../../measuring/format.ts';
import { DEFAULT_RANGE, nameOf } from '../../questions/elections/timeout-ranges.ts';
import {
  BIN_MS,
  FAULTS,
  type FailoverRow,
  LATE_MS,
  type LeaderFault,
  NODES_AS,
  type NodesAs,
} from '../../questions/failover/failover-row.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

type Count = 'acknowledged' | 'rejected' | 'unknown' | 'lost' | 'duplicated' | 'elections';

export function failoverSection({ rows }: Answer<FailoverRow>): Section {
  const summaries = rows.filter(({ kind }) => kind === 'summary');
  const isMeasured = (nodesAs: NodesAs): boolean => summaries.some((row) => row.nodes_as === nodesAs);
  const hasKinds = isMeasured('processes') || isMeasured('shared folder');
  return {
    title: 'What does a client see of a failover?',
    ...failoverAnswer(summaries),
    note: `The leader of a cluster fails under 2,000 adds/s of 64 B, which are sent on a schedule from a thread of their own; 1.5 s later it is repaired. Times in milliseconds; elections and outcomes are sums over the rounds.`,
    terms: [
      `Killed: its thread ends, and its channels close, which the others notice at once. Paused: its thread stops, and its channels stay open. Isolated: it runs, and no message passes. After these two the others wait for the election timeout, the default of ${nameOf(DEFAULT_RANGE)} ms.`,
      ...(isMeasured('processes') ? [PROCESS_FAULTS] : []),
      ...(isMeasured('shared folder') ? [HOST_FAULTS] : []),
      'Gap: the longest time between two acknowledgements until another node leads. Later gap: the longest one afterwards. Longest wait: of one message, from when it was due to its acknowledgement, at any time from the fault on: the table has its median over the rounds, the first paragraph the longest of all rounds.',
      'Next leader: from the fault until a node that goes on first names another leader; the gap ends when that one acknowledges. p99: from when a message was due to its acknowledgement, of the messages that were due from the fault on, by round.',
      `Over ${LATE_MS} ms: messages that waited longer, of 14,000 a round.${laterWaits(rows)}`,
      'Lost: as defined under "Safety".',
      '"How fast are other queues?" measures a killed and a silent (paused) leader with the same timeout, too, and has other figures: there an add leaves every 5 ms, from the thread of the client, in a cluster that has just had all other loads of the comparison.',
    ],
    table: {
      header: [
        'Leader',
        ...(hasKinds ? ['Nodes'] : []),
        'Gap',
        'Next leader',
        'p99',
        'Later gap',
        'Longest wait',
        `Over ${LATE_MS} ms`,
        'Elections',
        'Acknowledged',
        'Rejected',
        'Unknown',
        'Lost',
        'Twice',
      ],
      rows: FAULTS.flatMap((fault) =>
        NODES_AS.flatMap((nodesAs) => {
          const of = summaries.filter((row) => row.fault === fault && row.nodes_as === nodesAs);
          return of.length === 0 ? [] : [[fault, ...(hasKinds ? [nodesAs] : []), ...cellsOf(of)]];
        }),
      ),
    },
    charts: failoverChartNames(rows),
  };
}

const PROCESS_FAULTS =
  'Nodes as processes, by gRPC on the loopback interface: killed by SIGKILL, which closes their sockets; paused by SIGSTOP until SIGCONT; isolated by proxies between the nodes, which pass nothing and close nothing. Clients reach each node directly.';

const HOST_FAULTS =
  'Shared folder: the nodes are threads of a process that hosts them (openCluster), and the client is in another one. Killed: the host by SIGKILL, with all nodes; the process of the client takes over, and another one joins after 1.5 s. Paused: the host by SIGSTOP until SIGCONT; it keeps the files, so that no other process takes over, and the gap is as long as the pause.';

/** How the nodes run, as a sentence has it. */
const KINDS: Readonly<Record<NodesAs, string>> = {
  threads: 'nodes as threads',
  processes: 'nodes as processes',
  'shared folder': 'host of a shared folder',
};

function failoverAnswer(summaries: readonly FailoverRow[]): Pick<Section, 'answer' | 'brief'> {
  const of = (nodesAs: NodesAs, fault: LeaderFault, column: 'gap_ms' | 'latency_max_ms'): readonly number[] =>
    summaries.flatMap((row) => (row.nodes_as === nodesAs && row.fault === fault && row[column] !== null ? [row[column]] : []));
  const measured = NODES_AS.map((nodesAs) => ({
    nodesAs,
    faults: FAULTS.filter((fault) => of(nodesAs, fault, 'gap_ms').length > 0),
  })).filter(({ faults }) => faults.length > 0);
  const gaps = measured.map(({ nodesAs, faults }) =>
    faults.map((fault) => `${formatSpread(of(nodesAs, fault, 'gap_ms'))} ms when it is ${fault}${meaningOf(nodesAs, fault)}`).join(', '),
  );
  const alike = measured.some(
    ({ nodesAs }) => nodesAs === 'threads' && overlap(of(nodesAs, 'paused', 'gap_ms'), of(nodesAs, 'isolated', 'gap_ms')),
  );
  const waits = measured.map(({ nodesAs, faults }) =>
    faults.map((fault) => `${formatNumber(Math.max(...of(nodesAs, fault, 'latency_max_ms')))} ms (${fault})`).join(', '),
  );
  const counts = measured.flatMap(({ nodesAs, faults }) => faults.map((fault) => of(nodesAs, fault, 'gap_ms').length));
  const most = Math.max(0, ...counts);
  const rounds = countOf(most, 'round');
  const timeouts = `election timeouts of ${nameOf(DEFAULT_RANGE)} ms`;
  const sampled = most < SAMPLES_MIN ? `; n = ${most} does not sample the ${timeouts}` : `, ${timeouts}`;
  const sum = (column: Count): string => formatCount(summaries.reduce((total, row) => total + (row[column] ?? 0), 0));
  return {
    brief: `No add is acknowledged for ${byKind(gaps, measured).replace('it is', 'the leader is')} (medians of ${rounds}).`,
    answer: `A client of a failing leader waits: no add is acknowledged for ${byKind(gaps, measured)} (${rounds}${sampled}).${alike ? ' Paused and isolated are not distinguishable: their ranges overlap.' : ''} The longest wait of one message in all rounds: ${byKind(waits, measured)}. Of ${sum('acknowledged')} acknowledged adds ${sum('lost')} were lost; ${sum('rejected')} were rejected, ${sum('unknown')} had an unknown outcome.`,
  };
}

/** Fewer rounds than these say little about a timeout that is drawn for each. */
const SAMPLES_MIN = 10;

const overlap = (a: readonly number[], b: readonly number[]): boolean =>
  a.length > 0 && b.length > 0 && Math.min(...a) <= Math.max(...b) && Math.min(...b) <= Math.max(...a);

/** A thread cannot be killed as a process is. */
const meaningOf = (nodesAs: NodesAs, fault: LeaderFault): string =>
  nodesAs === 'threads' && fault === 'killed' ? ' (its thread ends, its channels close)' : '';

/** The texts of kinds of nodes, with their names where there are several. */
const byKind = (texts: readonly string[], kinds: readonly { readonly nodesAs: NodesAs }[]): string =>
  kinds.length < 2 ? texts.join('') : texts.map((text, at) => `${text} (${KINDS[kinds[at]?.nodesAs ?? 'threads']})`).join('; ');

/** Says when the messages were due that waited longer than the gap of their round, and long enough to be counted. */
function laterWaits(rows: readonly AnswerRow<FailoverRow>[]): string {
  const ofRounds = rows.filter(
    (row) =>
      row.kind === 'summary' && row.gap_ms !== null && row.gap_ms < LATE_MS && (row.later_gap_ms ?? 0) < LATE_MS && (row.late ?? 0) > 0,
  );
  return ofRounds
    .flatMap(({ fault, nodes_as, round, late, repaired_ms }) => {
      const dueMs = rows.flatMap((row) =>
        row.kind === 'bin' &&
        row.fault === fault &&
        row.nodes_as === nodes_as &&
        row.round === round &&
        (row.latency_max_ms ?? 0) > LATE_MS &&
        row.at_ms !== null
          ? [row.at_ms]
          : [],
      );
      if (dueMs.length === 0) return [];
      const [from, to] = [Math.min(...dueMs), Math.max(...dueMs) + BIN_MS];
      const repair = repaired_ms === null ? '' : `, where its repair began at ${formatNumber(repaired_ms)} ms`;
      return [
        ` In round ${round} of "${fault}"${nodes_as === 'threads' ? '' : ` (${KINDS[nodes_as]})`} ${formatCount(late ?? 0)} did, though both gaps are shorter: they were due ${formatCount(from)} to ${formatCount(to)} ms after the fault${repair}. Acknowledgements arrived in that time, but late.`,
      ];
    })
    .join('');
}

function cellsOf(rows: readonly FailoverRow[]): readonly string[] {
  const spread = (column: 'gap_ms' | 'leader_ms' | 'latency_p99_ms' | 'later_gap_ms' | 'latency_max_ms' | 'late'): string =>
    formatSpread(rows.flatMap((row) => row[column] ?? []));
  const sum = (column: Count): string => formatCount(rows.reduce((total, row) => total + (row[column] ?? 0), 0));
  return [
    spread('gap_ms'),
    spread('leader_ms'),
    spread('latency_p99_ms'),
    spread('later_gap_ms'),
    spread('latency_max_ms'),
    spread('late'),
    ...(['elections', 'acknowledged', 'rejected', 'unknown', 'lost', 'duplicated'] as const).map(sum),
  ];
}
