import type { LogAnalysis, NodeAnalysis } from './analysis.ts';

/** The analysis as a text of aligned columns. */
export function analysisText(analysis: LogAnalysis): string {
  const { nodes, leaders, elections } = analysis;
  const parts = [
    `${nodes.length === 1 ? '1 node' : `${nodes.length} nodes`}: ${nodes.map(({ node }) => node).join(', ')}`,
    '',
    leaders.length === 0 ? 'No node became leader.' : 'Leaders',
    ...(leaders.length === 0
      ? []
      : columns([['time (UTC)', 'node', 'term'], ...leaders.map(({ time, node, term }) => [clockTime(time), `${node}`, `${term}`])])),
    '',
    `Elections started: ${elections}`,
    '',
    'RPCs sent',
    ...rpcTable(nodes),
    ...nodes.flatMap(remarks),
  ];
  return `${parts.join('\n')}\n`;
}

function rpcTable(nodes: readonly NodeAnalysis[]): string[] {
  const names = [...new Set(nodes.flatMap(({ rpcSent }) => Object.keys(rpcSent)))].sort();
  const sumOf = (count: (node: NodeAnalysis) => number) => `${nodes.reduce((sum, node) => sum + count(node), 0)}`;
  return columns([
    ['node', 'starts', 'elections', ...names],
    ...nodes.map((node) => [`${node.node}`, `${node.starts}`, `${node.elections}`, ...names.map((name) => `${node.rpcSent[name] ?? 0}`)]),
    [
      'all',
      sumOf(({ starts }) => starts),
      sumOf((node) => node.elections),
      ...names.map((name) => sumOf(({ rpcSent }) => rpcSent[name] ?? 0)),
    ],
  ]);
}

function remarks(node: NodeAnalysis): string[] {
  const lines: string[] = [];
  if (!node.isComplete)
    lines.push(`Node ${node.node} was killed, or still runs: RPCs since its last totals are not counted. Level debug counts every one.`);
  if (node.unreadableLines > 0) lines.push(`${node.file}: ${node.unreadableLines} line(s) could not be read, as a kill leaves them.`);
  return lines.length === 0 ? [] : ['', ...lines];
}

const clockTime = (iso: string): string => iso.replace('T', ' ').replace('Z', '');

/** The first column and texts to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`.trimEnd(),
  );
}
