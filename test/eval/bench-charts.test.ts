import { describe, expect, it } from 'vitest';
import { costPanel } from '../../eval/charts/cost-panel.ts';
import { MICRO_HEADER, type MicroRow, microChart, parseMicroRows } from '../../eval/charts/micro-chart.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';

describe('the chart of the parts', () => {
  const row = (name: string, sizeOf: string, size: number, median: number): MicroRow => ({
    operation: `one thing, by ${sizeOf}`,
    name,
    size,
    sizeOf,
    median,
    p99: median * 2,
    samples: 2000,
    commit: '0123456789',
    environment: 'abcdef01',
  });

  it('has a panel for each kind of operation and a line for each case', async () => {
    const rows = [
      ...[100, 1000, 10_000].flatMap((size) => [row('add', 'waiting jobs', size, 80), row('claim', 'waiting jobs', size, 130)]),
      ...[1, 3, 13].map((size) => row('leader', 'nodes', size, size * 700)),
    ];
    const svg = await renderSvg(microChart(rows));
    for (const text of ['One thing, by waiting jobs', 'One thing, by nodes', 'Cost (ns)', 'add', 'claim', 'n = 2,000', '0123456'])
      expect(svg).toContain(text);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('micro.csv', () => {
  it('is read back as it is written', () => {
    const cells = ['one job', 'add', '100', 'waiting jobs', '85.5', '823.1', '2000', '0123456789', 'abcdef01'];
    const [row] = parseMicroRows(`${MICRO_HEADER.join(',')}\n${cells.join(',')}\n`);
    expect(row).toMatchObject({
      operation: 'one job',
      name: 'add',
      size: 100,
      sizeOf: 'waiting jobs',
      median: 85.5,
      p99: 823.1,
      samples: 2000,
    });
  });
});

describe('a panel of lines', () => {
  const panelOf = (y: 'log' | 'linear', values: readonly number[]) =>
    costPanel(
      values.map((value, at) => ({ x: 1, value, series: `line ${at}`, label: String(value) })),
      {
        widthPx: 200,
        heightPx: 150,
        xTitle: 'x',
        yTitle: 'y',
        x: 'linear',
        y,
        colors: Object.fromEntries(values.map((_, at) => [`line ${at}`, '#000'])),
      },
    ).data.values.map(({ nameAt }) => nameAt ?? Number.NaN);

  it('names each line at its end when the ends are far apart', () => {
    expect(panelOf('linear', [10, 50, 100])).toEqual([10, 50, 100]);
  });

  it.each(['log', 'linear'] as const)('moves names up that would cover each other (%s)', (y) => {
    const [first = 0, second = 0, third = 0] = panelOf(y, [100, 100, 900]);
    expect(first).toBeCloseTo(100);
    expect(second).toBeGreaterThan(105);
    expect(third).toBeCloseTo(900);
  });
});
