import { describe, expect, it } from 'vitest';
import { allCharts } from '../../eval/charts/all-charts.ts';
import { logDomain, logTicks, sizeTicks, wrapLines } from '../../eval/charts/chart.ts';
import { FontAdvances } from '../../eval/charts/font.ts';
import { renderPng, renderSvg } from '../../eval/charts/render-chart.ts';
import { analyze } from '../../eval/replay/analysis.ts';
import { latenciesOf, rowsOfEverything, settings } from './fixtures.ts';

const rows = rowsOfEverything();
const evaluation = analyze(rows, settings, latenciesOf(rows));
const charts = allCharts(evaluation);

describe('the charts of a whole session', () => {
  it('are the six that the report promises', () => {
    expect(charts.map(({ name }) => name)).toEqual([
      'throughput-by-count',
      'overhead-by-count',
      'throughput-by-payload',
      'overhead-by-payload',
      'latency-distribution',
      'throughput-by-size',
    ]);
  });

  it.each(charts)('$name is drawn with units, cluster, durability and commit', async (chart) => {
    const svg = await renderSvg(chart);
    expect(svg).toMatch(/\((ms|msg\/s|MiB\/s)/);
    expect(svg).toContain('3 nodes in one process, synced on a majority');
    expect(svg).toContain('commit 0123456');
    expect(svg).toMatch(/n = [\d,–]+ /);
    expect(svg).toContain('@font-face');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    const png = renderPng(svg);
    expect(Buffer.from(png.subarray(1, 4)).toString()).toBe('PNG');
  });

  it.each(charts.slice(0, 4))('$name says that the original was published elsewhere', async (chart) => {
    expect(await renderSvg(chart)).toContain('Original, paced (published elsewhere, another machine)');
  });

  it('mark the case that the original could not finish', async () => {
    for (const chart of charts.filter(({ name }) => name.endsWith('-by-payload'))) {
      expect(await renderSvg(chart)).toContain('crashed around message 475, ended at 600 s');
    }
  });

  it('are left out when nothing was measured for them', () => {
    const onlyLow = analyze(
      rows.filter((row) => row.scenario === 'low'),
      settings,
      new Map(),
    );
    expect(allCharts(onlyLow).map(({ name }) => name)).toEqual(['throughput-by-count', 'overhead-by-count']);
  });
});

describe('the widths of the bundled font', () => {
  it('are the ones in its file: Inter sets a zero wider than an i, and semi-bold wider than regular', () => {
    const regular = FontAdvances.of('Regular');
    expect(regular.width('0', 100)).toBeGreaterThan(2 * regular.width('i', 100));
    expect(regular.width('00', 12)).toBeCloseTo(2 * regular.width('0', 12));
    expect(FontAdvances.of('SemiBold').width('messages', 12)).toBeGreaterThan(regular.width('messages', 12));
  });
});

describe('a logarithmic axis', () => {
  it('reaches from the round number below the least value to the one above the greatest', () => {
    expect(logDomain([0.79, 4500])).toEqual([0.5, 5000]);
    expect(logDomain([10, 10])).toEqual([10, 20]);
  });

  it('is divided by powers of ten when it is long, and by 1, 2 and 5 when it is short', () => {
    expect(logTicks([0.1, 10_000])).toEqual([0.1, 1, 10, 100, 1000, 10_000]);
    expect(logTicks([0.5, 20])).toEqual([0.5, 1, 2, 5, 10, 20]);
  });
});

describe('an axis of sizes', () => {
  it('labels all that fit, and always the largest', () => {
    const sizes = [4, 64, 1024, 16_384, 65_536, 262_144, 1_048_576, 64];
    expect(sizeTicks(sizes, 560)).toEqual([4, 64, 1024, 16_384, 65_536, 262_144, 1_048_576]);
    expect(sizeTicks(sizes, 300)).toEqual([4, 64, 1024, 65_536, 1_048_576]);
  });
});

describe('a subtitle', () => {
  it('are not broken between a number and its unit', () => {
    const text = 'acknowledged within 49.3 ms at 95 % and 8 MB/s, 4 times as fast with 3 nodes';
    for (let widthPx = 20; widthPx < 300; widthPx += 10)
      for (const line of wrapLines([text], widthPx).slice(1)) expect(line).not.toMatch(/^(?:ms|%|MB\/s|times)/);
    expect(wrapLines([text], 20)).toContain('nodes');
  });

  it('is broken into lines that fit the chart, and loses no word', () => {
    const text = 'closed loop · n = 3 runs each, median · 3 nodes in one process, durable · commit 0123456';
    const lines = wrapLines([text], 160);
    const font = FontAdvances.of('Regular');
    for (const line of lines) expect(font.width(line, 12)).toBeLessThanOrEqual(160);
    expect(lines.join(' ').replaceAll(' ·', '')).toBe(text.replaceAll(' ·', ''));
  });
});
