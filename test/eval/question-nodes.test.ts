import { describe, expect, it } from 'vitest';
import { nodesCharts } from '../../eval/charts/questions/nodes-chart.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';
import { CLUSTER_SIZES, nodes, SIMULATED_SIZES } from '../../eval/questions/nodes/nodes.ts';
import { costsOf, type NodesRow, totalsOf } from '../../eval/questions/nodes/nodes-row.ts';
import { simulatedStep } from '../../eval/questions/nodes/simulated-step.ts';
import { expectedMsOf } from '../../eval/questions/question.ts';
import { nodesSection } from '../../eval/report/questions/nodes-section.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';
import { answerOfRounds } from './answers.ts';

const countsOf = (size: number, signal = new AbortController().signal) =>
  simulatedStep(size).measure({ config: loadClusterConfig(undefined, {}), dataDir: '', seed: 1, signal, rowsSoFar: [] });

describe('the steps of the question about nodes', () => {
  it('take clusters up to 13 nodes, and in the simulator up to 51, in reverse order in the second round', () => {
    expect(nodes.steps.map(({ name }) => name).slice(0, 3)).toEqual(['1 node', '3 nodes', '5 nodes']);
    expect(nodes.steps.map(({ name }) => name).slice(6, 8)).toEqual(['13 nodes', '1 simulated']);
    expect(nodes.steps.at(-1)?.name).toBe('51 simulated');
    expect(nodes.steps).toHaveLength(CLUSTER_SIZES.length + SIMULATED_SIZES.length);
    expect(nodes).toMatchObject({ rounds: 2, isAlternating: true });
  });

  it('take about five minutes', () => expect(expectedMsOf(nodes)).toBeLessThan(6 * 60_000));
});

describe('the cost of an add', () => {
  const before = totalsOf([{ rpcSent: { AppendEntries: 3, AppendEntriesReply: 2 }, persists: 4 }]);
  const after = totalsOf([
    { rpcSent: { AppendEntries: 103 }, persists: 24 },
    { rpcSent: { AppendEntriesReply: 102 }, persists: 30 },
  ]);

  it('is the increase of messages and transactions of all nodes for each add', () => {
    expect(before).toEqual({ messages: 5, syncs: 4 });
    expect(costsOf({ before, after }, 100)).toEqual({ messages_per_add: 2, syncs_per_add: 0.5 });
  });

  it('is unknown where nothing was measured', () => {
    const unknown = { messages_per_add: null, syncs_per_add: null };
    expect(costsOf(undefined, 100)).toEqual(unknown);
    expect(costsOf({ before, after }, Number.NaN)).toEqual(unknown);
  });
});

describe('a cluster in the simulator', () => {
  it.each([1, 3, 5])('of %i nodes sends each other node one message an add, which replies, and syncs once on every node', async (size) => {
    const [many, alone] = await countsOf(size);
    expect(alone).toMatchObject({ in_flight: 1, nodes: size, messages_per_add: 2 * (size - 1), syncs_per_add: size });
    expect(many).toMatchObject({ in_flight: 4000, nodes: size });
    // Adds that arrive together are committed together.
    expect(many?.messages_per_add).toBeLessThanOrEqual((2 * (size - 1)) / 100);
    expect(many?.syncs_per_add).toBeLessThan(size / 100);
  });

  it('gives the same counts each time', async () => expect(await countsOf(3)).toEqual(await countsOf(3)));

  it('ends at once when the session is interrupted', async () => {
    const rows = await countsOf(51, AbortSignal.abort());
    expect(rows.map(({ messages_per_add }) => messages_per_add)).toEqual([null, null]);
  });
});

function rowsOf(): NodesRow[] {
  const real = CLUSTER_SIZES.flatMap((size): NodesRow[] => [
    {
      subject: 'cluster',
      nodes: size,
      in_flight: 4000,
      adds_per_s: 90_000 / size,
      p50_ms: 10 * size,
      p99_ms: 40 * size,
      ...perAdd(size, 0.002),
    },
    { subject: 'cluster', nodes: size, in_flight: 1, adds_per_s: null, p50_ms: 0.3 * size, p99_ms: size, ...perAdd(size, 1.02) },
  ]);
  const simulated = SIMULATED_SIZES.flatMap((size): NodesRow[] =>
    [4000, 1].map((inFlight) => {
      const costs = perAdd(size, inFlight === 1 ? 1 : 0.001);
      return { subject: 'simulator', nodes: size, in_flight: inFlight, adds_per_s: null, p50_ms: null, p99_ms: null, ...costs };
    }),
  );
  return [...real, ...simulated];
}

const perAdd = (size: number, share: number) => ({ messages_per_add: 2 * (size - 1) * share, syncs_per_add: size * share, is_steady: 1 });

describe('the chart of the question about nodes', () => {
  it.each([300, 560])('has four panels, units and the result in its title (%i px)', async (widthPx) => {
    const [chart] = nodesCharts(answerOfRounds([rowsOf(), rowsOf()]), { font: 'Inter', widthPx }, 2);
    if (chart === undefined) throw new Error('there are rows to draw');
    expect(chart.title).toBe(
      'A node more costs an add alone 2 messages and 1 sync; 13 nodes on 2 processors add 6,900 jobs a second, 3 nodes 30,000',
    );
    expect(chart.spec).toMatchObject({ vconcat: [{}, {}, {}, {}] });
    const svg = await renderSvg(chart);
    for (const text of ['(1/s)', '(ms, log)', 'Messages an add', 'Syncs an add', 'one at a time', '4,000 in flight', '>51<', '0123456'])
      expect(svg).toContain(text);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('says nothing that was not measured', () => {
    const [chart] = nodesCharts(answerOfRounds([rowsOf().filter(({ subject }) => subject === 'cluster')]), { font: 'Inter', widthPx: 560 });
    expect(chart?.title).toBe('Rates and costs by the number of nodes');
  });
});

describe('the section of the question about nodes', () => {
  it('has a row for each size, with the counts of the clusters beside those of the simulator', () => {
    const slower = rowsOf().map((row) => ({ ...row, adds_per_s: row.adds_per_s === null ? null : row.adds_per_s / 2, is_steady: 0 }));
    const { terms, table, charts } = nodesSection(answerOfRounds([rowsOf(), slower]));
    expect(charts).toEqual(['nodes']);
    expect(table.rows.map(([size]) => size)).toEqual(['1', '3', '5', '7', '9', '11', '13']);
    expect(table.rows[1]).toEqual([
      '3',
      '23,000 (15,000–30,000)',
      '30',
      '120',
      '0.90',
      '3.0',
      '4.1 / 4.0',
      '3.1 / 3.0',
      '0.0080 / 0.0040',
      '0.0060 / 0.0030',
      '2',
      '1 of 2',
    ]);
    expect(terms?.slice(2)).toHaveLength(3);
    expect(terms?.at(-1)).toBe(
      '51 nodes, simulated only: 100 messages and 51 syncs an add alone, 0.10 messages and 0.051 syncs an add in flight.',
    );
    for (const row of table.rows) expect(row).toHaveLength(table.header.length);
  });
});
