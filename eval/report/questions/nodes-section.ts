import { nodesTitle } from '../../charts/questions/nodes-chart.ts';
import { formatMedian, formatSpread } from '../../measuring/format.ts';
import { steadyMark, steadyRounds } from '../../measuring/steadiness.ts';
import type { NodesRow } from '../../questions/nodes/nodes-row.ts';
import type { Answer } from '../../questions/question-file.ts';
import { SMALL_RATES } from '../limits.ts';
import type { Section } from '../table.ts';

type Column = 'adds_per_s' | 'p50_ms' | 'p99_ms' | 'messages_per_add' | 'syncs_per_add';

export function nodesSection({ rows }: Answer<NodesRow>, cores?: number): Section {
  const all = [...new Set(rows.map(({ nodes }) => nodes))].sort((a, b) => a - b);
  const sizes = all.filter((nodes) => rows.some((row) => row.nodes === nodes && row.subject === 'cluster'));
  const rowOf = (nodes: number): readonly string[] => {
    const of = rows.filter((row) => row.nodes === nodes);
    const rates = of.filter(({ subject, in_flight }) => subject === 'cluster' && in_flight > 1);
    const many = (column: Column, mark = '') =>
      formatSpread(
        valuesOf(of, 'cluster', (inFlight) => inFlight > 1, column),
        mark,
      );
    const alone = (column: Column) => formatSpread(valuesOf(of, 'cluster', (inFlight) => inFlight === 1, column));
    const both = (column: Column, isOf: (inFlight: number) => boolean) =>
      `${figureOf(of, 'cluster', isOf, column)} / ${figureOf(of, 'simulator', isOf, column)}`;
    return [
      String(nodes),
      ...[many('adds_per_s', steadyMark(rates)), many('p50_ms'), many('p99_ms'), alone('p50_ms'), alone('p99_ms')],
      ...(['messages_per_add', 'syncs_per_add'] as const).map((column) => both(column, (inFlight) => inFlight === 1)),
      ...(['messages_per_add', 'syncs_per_add'] as const).map((column) => both(column, (inFlight) => inFlight > 1)),
      ...[String(rates.length), steadyRounds(rates)],
    ];
  };
  return {
    title: 'What does a node more cost?',
    brief: `${nodesTitle(rows, cores)}.`,
    note: "Adds of 64 B without a consumer: 4,000 in flight, or alone, each sent when the one before is acknowledged. n: rounds; the costs of an add are medians of them. With so many in flight the time of an add is the number in flight divided by the rate. All nodes share the machine's disk and processors.",
    terms: [
      SMALL_RATES,
      "Messages between nodes (heartbeats of that time included) and syncs of all nodes for each committed add: the clusters' own counters / counted in the simulator, where nothing takes time, so that 4,000 adds are committed together.",
      ...all.filter((nodes) => !sizes.includes(nodes)).map((nodes) => simulatedLine(rows, nodes)),
    ],
    table: {
      header: [
        'Nodes',
        ...['Adds, in flight (/s)', 'p50, in flight (ms)', 'p99, in flight (ms)', 'p50, alone (ms)', 'p99, alone (ms)'],
        ...['Messages, alone', 'Syncs, alone', 'Messages, in flight', 'Syncs, in flight', 'n', 'Steady rounds'],
      ],
      rows: sizes.map(rowOf),
    },
    charts: ['nodes'],
  };
}

/** Of a size that no real cluster was measured with. */
function simulatedLine(rows: readonly NodesRow[], nodes: number): string {
  const of = rows.filter((row) => row.nodes === nodes);
  const [alone, many] = [(inFlight: number) => inFlight === 1, (inFlight: number) => inFlight > 1].map((isOf) => {
    const [messages, syncs] = (['messages_per_add', 'syncs_per_add'] as const).map((column) => figureOf(of, 'simulator', isOf, column));
    return `${messages} messages and ${syncs} syncs`;
  });
  return `${nodes} nodes, simulated only: ${alone} an add alone, ${many} an add in flight.`;
}

const figureOf = (...of: Parameters<typeof valuesOf>): string => formatMedian(valuesOf(...of));

function valuesOf(
  rows: readonly NodesRow[],
  subject: NodesRow['subject'],
  isOf: (inFlight: number) => boolean,
  column: Column,
): readonly number[] {
  return rows.flatMap((row) => {
    const value = row[column];
    return row.subject === subject && isOf(row.in_flight) && value !== null ? [value] : [];
  });
}
