import type { NodeReading, NodeSample } from '../../src/metrics/node-sample.ts';
import { sampleNode } from '../../src/metrics/node-sample.ts';
import { NodeTable } from '../node/node-table.ts';

const NO_TIMES = { bounds: [1, 10], counts: [0, 0, 0], sum: 0 };

/** Three nodes with one waiting job, as a scrape reads them. */
export function aReading(table = withOneJob()): NodeReading[] {
  return table.ids.map((node) => ({ node, sample: sampleOf(table, node) }));
}

export const sampleOf = (table: NodeTable, node: number): NodeSample =>
  sampleNode({
    ...{
      runtime: table.node(node),
      file: undefined,
      segmentBytes: 0,
      encryptionKey: '0123456789abcdef',
      cpuMs: 1_500,
      eventLoopDelayMs: NO_TIMES,
      electionTimeoutMs: 10_000_000,
    },
    writeMs: { bounds: [1, 10], counts: [3, 2, 1], sum: 40 },
    withoutChannel: [],
  });

export function withOneJob(): NodeTable {
  const table = new NodeTable([5, 5, 5]);
  table.add(table.open());
  table.awaitEqual();
  return table;
}
