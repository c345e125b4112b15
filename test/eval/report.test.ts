import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { questionCharts } from '../../eval/charts/question-charts.ts';
import { formatNumber, formatRough, formatSpread, formatTiny, textTable } from '../../eval/measuring/format.ts';
import { PUBLISHED } from '../../eval/measuring/output-folders.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { steadyMark, steadyRounds } from '../../eval/measuring/steadiness.ts';
import { analyze, publishedOverheadMs } from '../../eval/replay/analysis.ts';
import { RunFiles } from '../../eval/replay/run-files.ts';
import { busyLine, busyNote } from '../../eval/report/busy-runs.ts';
import { rebuildPlots } from '../../eval/report/rebuild-plots.ts';
import { aFolder, aRow, rowsOfEverything, settings } from './fixtures.ts';

async function writtenFrom(rows: ReturnType<typeof rowsOfEverything>, folder = aFolder()) {
  const results = ResultsFolder.open(join(folder, 'results'));
  const files = RunFiles.open(results);
  for (const row of rows) files.appendRow(row);
  await rebuildPlots(results, join(folder, 'plots'), settings);
  const read = (name: string): string => readFileSync(join(folder, 'results', name), 'utf8');
  return { folder, markdown: read('report.md'), html: read('report.html') };
}

describe('the reports', () => {
  // A report takes seconds: those that change nothing read the same one.
  const folderOfEverything = mkdtempSync(join(tmpdir(), 'jobraft-report-'));
  let ofEverything: Awaited<ReturnType<typeof writtenFrom>>;
  beforeAll(async () => {
    ofEverything = await writtenFrom(rowsOfEverything(), folderOfEverything);
  });
  afterAll(() => rmSync(folderOfEverything, { recursive: true, force: true }));

  it('of other runs than the published ones show the claims of the published session, marked as such', () => {
    const { markdown, html } = ofEverything;
    for (const text of [markdown, html]) {
      expect(text).toContain('The claims in the published session');
      expect(text).toMatch(/Not measured now: commit [0-9a-f]{7}, \d{4}-\d\d-\d\d/);
    }
    const own = readFileSync(join(PUBLISHED.results, 'report.md'), 'utf8');
    expect(own).not.toContain('Not measured now');
  });

  it('are rebuilt from the CSV alone, with every scenario, durability, machine-independent method and limits', () => {
    const { folder, markdown, html } = ofEverything;
    for (const text of [markdown, html.replace(/<script>.*<\/script>/s, '')]) {
      for (const title of [
        'Scenarios low and high',
        'Scenario payload',
        'How long does an add take, by payload?',
        'Is it as good as the original system?',
        'Safety: how many messages were lost?',
        'Capacity by payload, warm',
        'Capacity by payload, cold',
        'How it was made',
        'What it does not show',
      ]) {
        expect(text).toContain(title);
      }
      for (const size of ['100 × 4 B', '2,000 × 4 B', '500 × 4 B', '500 × 50 B', '1,000 × 4 B', '1,000 × 640 B', '1 MiB'])
        expect(text).toContain(size);
      expect(text).toContain(
        'synced (fdatasync) to the files of a majority of the nodes, which are all on one disk of one machine; no power cut was tested',
      );
      expect(text).toContain('published elsewhere, measured on another machine');
      expect(text).toMatch(/0\.79 \(("|&quot;)Crashed around 475("|&quot;)\)/);
      expect(text).toContain('0 lost');
      expect(text).not.toMatch(/NaN|undefined/);
    }
    for (const [, picture] of markdown.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g))
      expect(existsSync(join(folder, 'results', picture ?? ''))).toBe(true);
    // Beside its own: the charts of the published questions, which it has not measured.
    const published = questionCharts(ResultsFolder.at(PUBLISHED.results)).length;
    expect(readdirSync(join(folder, 'plots')).filter((name) => name.endsWith('.vl.json'))).toHaveLength(5 + published);
  });

  it('as a page contain all data and load nothing from a server', () => {
    const { html } = ofEverything;
    // Not with toContain: a failure would print the whole page.
    expect(html.includes('font/woff2;base64,')).toBe(true);
    expect(/<(script|link|img)[^>]+(src|href)=/.test(html)).toBe(false);
    for (const name of ['throughput-by-count', 'overhead-by-payload', 'throughput-by-size'])
      expect(html.includes(`id="chart-${name}"`)).toBe(true);
  });

  it('show sizes and latencies that were not measured from the published session, marked as such', async () => {
    const { folder, markdown } = await writtenFrom(rowsOfEverything().filter(({ kind }) => kind !== 'sweep' && kind !== 'latency'));
    const [latency = '', cold = ''] = ['How long does an add take, by payload?', 'Capacity by payload, cold'].map(
      (title) => markdown.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '',
    );
    expect(latency).toContain('**In the published session: At a low rate half of the adds are acknowledged');
    for (const text of [latency, cold]) expect(text).toContain('Not measured now, but in the published session of 20');
    for (const name of ['latency-distribution', 'throughput-by-size']) {
      expect(markdown).toContain(`plots/${name}.svg)`);
      expect(readFileSync(join(folder, 'plots', `${name}.svg`))).toEqual(readFileSync(join(PUBLISHED.plots, `${name}.svg`)));
    }
  });

  it('name the runs that do not count, and why', async () => {
    const rows = [
      ...rowsOfEverything(),
      aRow({ run: 'cut-short', started: '2026-01-01T00:00:00.000Z', valid: false, reason: 'interrupted' }),
    ];
    expect((await writtenFrom(rows)).markdown).toContain('`cut-short`: interrupted.');
  });

  it('count what an invalid run lost, in the headline', async () => {
    const lossy = aRow({
      run: 'lossy',
      started: '2026-01-01T00:00:00.000Z',
      lost: 700,
      valid: false,
      reason: 'the queue was not drained in time',
      drained: false,
    });
    const rows = [...rowsOfEverything(), lossy];
    const { markdown, html } = await writtenFrom(rows);
    for (const text of [markdown, html]) expect(text).toMatch(/\b700 lost, 0 delivered twice, 1 queue not drained\b/);
  });

  it('say at their beginning that the machine was busy, and name the run', async () => {
    const rows = rowsOfEverything().map((row, at) => ({ ...row, other_cpu_share: at === 3 ? 0.62 : 0.01 }));
    const { markdown } = await writtenFrom(rows);
    expect(markdown).toMatch(
      /^- The machine was busy during 1 of \d+ replayed runs: other processes used up to 62 %.* The medians include it;/m,
    );
    expect(markdown).toMatch(/^- Busy, so that they may be slower: 1 run beside other processes .*: \w+ 100 × 4 B \(run \d+\)\./m);
    expect(ofEverything.markdown).not.toContain('The machine was busy');
  });

  it('without a single row cannot be made', async () => {
    await expect(rebuildPlots(ResultsFolder.open(aFolder()), aFolder(), settings)).rejects.toThrow(/Run "npm run eval" first/);
  });
});

describe('the analysis', () => {
  const analyzed = (rows: Parameters<typeof analyze>[0]) => analyze(rows, settings, new Map());

  it('shows the newest commit of a case, and never mixes machines, cluster sizes or durabilities', () => {
    const evaluation = analyzed([
      aRow({ run: 'old commit', commit: 'old', started: '2026-01-01', throughput_per_s: 1 }),
      aRow({ run: 'other machine', environment: 'e2', started: '2026-01-03', throughput_per_s: 2 }),
      aRow({ run: 'five nodes', nodes: 5, started: '2026-01-03', throughput_per_s: 3 }),
      aRow({ run: 'not durable', durability: 'off', started: '2026-01-03', throughput_per_s: 4 }),
      aRow({ run: 'now', started: '2026-01-04', throughput_per_s: 5 }),
    ]);
    expect(evaluation.rows.map(({ run }) => run)).toEqual(['now']);
    expect(evaluation.lowAndHigh[0]?.fast?.throughput?.median).toBe(5);
    expect(evaluation.otherRows).toBe(4);
  });

  it('takes no figure from an invalid run, and does not let it hide the series before', () => {
    const evaluation = analyzed([
      aRow({ run: 'good', commit: 'a', started: '2026-01-01', throughput_per_s: 5 }),
      aRow({ run: 'interrupted', commit: 'b', started: '2026-01-02', throughput_per_s: 1, valid: false, reason: 'interrupted' }),
    ]);
    expect(evaluation.lowAndHigh[0]?.fast?.throughput).toMatchObject({ median: 5, runs: 1 });
  });

  it('takes percentiles over all messages of the runs, and shows late runs, and the figures without them', () => {
    const latency = { scenario: 'payload-latency', kind: 'latency', load_model: 'open-loop', messages: 100 } as const;
    const rows = [
      aRow({ ...latency, run: 'on time', generator_late_share: 0 }),
      aRow({ ...latency, run: 'late', generator_late_share: 0.4 }),
      aRow({ ...latency, run: 'broken', valid: false, reason: 'error' }),
    ];
    const [fast, slow] = [Array.from({ length: 100 }, (_, at) => 1 + at / 100), Array.from({ length: 50 }, () => 31)];
    const latencies = new Map([
      ['on time', fast],
      ['late', slow],
      ['broken', slow],
    ]);
    const [of] = analyze(rows, settings, latencies).distributions;
    // Of one distribution of 150 messages, and not the median of the runs' medians, which would be 16.
    expect(of).toMatchObject({ samples: 150, runs: 2, lateRuns: 1, p90: 31, p99: null, max: 31, high: 31, highName: 'p90' });
    expect(of?.p50).toBeCloseTo(1.75, 1);
    expect(of?.onTime).toMatchObject({ samples: 100, p99: null });
    expect(of?.onTime?.p50).toBeCloseTo(1.5, 1);
  });

  it('pairs the repetitions of two sizes', () => {
    const payload = { scenario: 'payload', kind: 'fast', messages: 500 } as const;
    const rows = [1, 2, 3].flatMap((repetition) => [
      aRow({ ...payload, repetition, payload_bytes: 4, throughput_per_s: 1000 * repetition }),
      aRow({ ...payload, repetition, payload_bytes: 50, throughput_per_s: 900 * repetition }),
    ]);
    const [ratio] = analyzed(rows).ratios;
    expect(ratio).toMatchObject({ messages: 500, smallerBytes: 4, largerBytes: 50, kind: 'fast' });
    expect(ratio?.ratio).toEqual({ median: 0.9, spread: { kind: 'range', low: 0.9, high: 0.9 }, runs: 3 });
  });

  it('takes the pacing out of the published wall times; the run that never finished has no overhead', () => {
    const overheads = settings.published.rows.map((row) => publishedOverheadMs(row, settings.pacing));
    expect(overheads[0]).toBeCloseTo(26.9, 6);
    expect(overheads[1]).toBeCloseTo(33.165, 6);
    expect(overheads.at(-1)).toBeUndefined();
  });
});

describe('the busy runs', () => {
  const rates = [100, 300, 500].map((throughput_per_s, at) =>
    aRow({ repetition: at + 1, throughput_per_s, other_cpu_share: at === 0 ? 0.5 : 0 }),
  );

  it('come with the medians that differ without them', () => {
    expect(busyNote(rates)[0]).toMatch(
      /\(run 1\)\. The medians include them\. Without them .*: \w+ 100 × 4 B 400 in place of 300 msg\/s\.$/,
    );
    expect(busyNote(rates.map((row) => ({ ...row, throughput_per_s: 7 })))[0]).toMatch(/Without them no median of a rate differs\.$/);
    expect([busyNote(rates.slice(1)), busyLine(rates.slice(1))]).toEqual([[], []]);
  });
});

describe('a figure', () => {
  it('of at most three values has two digits, and its range where that says something', () => {
    expect([151_352, 99.6, 9.524, 0.0123, 0].map(formatRough)).toEqual(['150,000', '100', '9.5', '0.012', '0']);
    expect(formatSpread([118_056, 110_394, 151_352])).toBe('120,000 (110,000–150,000)');
    expect(formatSpread([118_056, 110_394], '*')).toBe('110,000* (110,000–120,000)');
    expect([formatSpread([7]), formatSpread([7, 7.01]), formatSpread([])]).toEqual(['7.0', '7.0', '–']);
    expect(formatSpread([1, 2, 3, 4])).toBe('2.50 (1.00–4.00)');
  });

  it('has a mark where its rate became steady in no round', () => {
    const rounds = (...steady: readonly (number | null)[]) => steady.map((is_steady) => ({ is_steady }));
    expect([rounds(0, 0), rounds(0, 1), rounds()].map(steadyMark)).toEqual(['*', '', '']);
    expect([rounds(0, 1), rounds()].map(steadyRounds)).toEqual(['1 of 2', '–']);
  });

  it('has three digits, and none below the resolution of clocks and timers', () => {
    expect([12_345.6, 9.524, 0.0123, 0].map(formatNumber)).toEqual(['12,346', '9.52', '0.0123', '0']);
    expect([0.000009, 0.5].map(formatTiny)).toEqual(['< 0.001', '0.500']);
  });
});

describe('a table for the terminal', () => {
  it('aligns words left and numbers right', () => {
    expect(
      textTable(
        ['Case', 'msg/s'],
        [
          ['low', '9.5'],
          ['payload', '12,345'],
        ],
      ).split('\n'),
    ).toEqual(['Case      msg/s', '───────  ──────', 'low         9.5', 'payload  12,345']);
  });
});
