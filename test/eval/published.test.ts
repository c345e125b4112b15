import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { allCharts } from '../../eval/charts/all-charts.ts';
import { questionCharts } from '../../eval/charts/question-charts.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';
import { readEnvironments } from '../../eval/measuring/environment.ts';
import { summarizeLatency } from '../../eval/measuring/latency-summary.ts';
import { PUBLISHED } from '../../eval/measuring/output-folders.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { median } from '../../eval/measuring/statistics.ts';
import { QUESTIONS } from '../../eval/questions/all-questions.ts';
import { questionFileOf } from '../../eval/questions/question-file.ts';
import { analyzeRuns } from '../../eval/replay/analysis.ts';
import { reportFaults } from '../../eval/replay/measure-scenarios.ts';
import { RunFiles } from '../../eval/replay/run-files.ts';
import type { RunRow } from '../../eval/replay/run-row.ts';
import { benchCharts } from '../../eval/report/bench-charts.ts';
import { markdownReport } from '../../eval/report/markdown.ts';
import { contentOf, sections } from '../../eval/report/tables.ts';
import { summaryLine } from '../../eval/report/text.ts';
import { settings } from './fixtures.ts';

const results = ResultsFolder.at(PUBLISHED.results);
const files = RunFiles.at(results);
const rows = files.readRows();
const evaluation = analyzeRuns(files, settings);
const charts = [...allCharts(evaluation), ...questionCharts(results), ...benchCharts(results)];

type Sample = Readonly<Record<string, string>>;
const samples: Sample[] = parse(gunzipSync(readFileSync(files.samplesFile)), { columns: true });
const samplesOf = Map.groupBy(
  samples.filter(({ phase }) => phase === 'measured'),
  ({ run }) => run,
);
const msOf = (sample: Sample, column: string): number => Number(sample[column]);
const measured = (row: RunRow): readonly Sample[] => samplesOf.get(row.run) ?? [];
const listed = rows.filter(({ load_model }) => load_model !== 'steady');

/** Mutants are run apart, for an hour, and say so in their page. The samples are those of the runs. */
const CSVS = readdirSync(PUBLISHED.results)
  .filter((name) => /\.csv(?:\.gz)?$/.test(name) && name !== 'mutants.csv' && name !== 'samples.csv.gz')
  .sort();
/** A machine's noise between one step and another of the same session, as a ratio. */
const SAME_FIGURE_MAX = 1.5;

function recordsOf(file: string): readonly Sample[] {
  const bytes = readFileSync(join(PUBLISHED.results, file));
  return parse(file.endsWith('.gz') ? gunzipSync(bytes) : bytes, { columns: true });
}

describe('the published evidence', () => {
  it('is one session of one commit on one machine, with clean sources', () => {
    for (const column of ['session', 'commit', 'environment', 'config_hash', 'command'] as const)
      expect(new Set(rows.map((row) => row[column])).size).toBe(1);
    expect(rows[0]?.commit).toMatch(/^[0-9a-f]{10}$/);
    expect(readEnvironments(results.environmentFile)).toHaveProperty(rows[0]?.environment ?? '');
  });

  it.each(CSVS)('has %s of the same commit and machine', (file) => {
    const [first] = rows;
    for (const column of ['commit', 'environment'] as const)
      expect([...new Set(recordsOf(file).map((record) => record[column]))], column).toEqual([first?.[column]]);
  });

  it('gives one figure under one name, whichever tool has measured it', () => {
    const measure = (file: string, conditions: Sample, value: string): number => {
      const found = recordsOf(file).filter((record) => Object.entries(conditions).every(([column, of]) => record[column] === of));
      return median(found.map((record) => Number(record[value])));
    };
    const adds = [
      measure('bench.csv', { figure: 'add, 64 B, many in flight' }, 'value'),
      measure('peers.csv', { peer: 'jobraft', measure: 'add, 64 B, many in flight' }, 'value'),
      measure('nodes.csv', { subject: 'cluster', nodes: '3', in_flight: '4000' }, 'adds_per_s'),
      measure('reasons.csv', { variant: 'jobraft as it is', kind: 'rate' }, 'adds_per_s'),
      measure('size.csv', { payload_bytes: '64', subject: 'jobraft' }, 'adds_per_s'),
    ];
    expect(Math.max(...adds) / Math.min(...adds)).toBeLessThan(SAME_FIGURE_MAX);
    const alone = [
      measure('bench.csv', { figure: 'add, one at a time, p50' }, 'value'),
      measure('peers.csv', { peer: 'jobraft', measure: 'add, one at a time, p50' }, 'value'),
      measure('nodes.csv', { subject: 'cluster', nodes: '3', in_flight: '1' }, 'p50_ms'),
      measure('reasons.csv', { variant: 'jobraft as it is', kind: 'alone' }, 'p50_ms'),
    ];
    expect(Math.max(...alone) / Math.min(...alone)).toBeLessThan(SAME_FIGURE_MAX);
  });

  it('answers every question that the report asks', () => {
    const asked = QUESTIONS.map((question) => questionFileOf(results, question));
    expect(asked.filter((file) => !existsSync(file))).toEqual([]);
  });

  it('has no column that is always empty', () => {
    const names = Object.keys(rows[0] ?? {}) as (keyof RunRow)[];
    const isEmpty = (name: keyof RunRow): boolean => rows.every((row) => row[name] === null || row[name] === '');
    // Empty when every run is valid; and the latencies' highest percentile needs 10,000 samples.
    expect(names.filter(isEmpty).filter((name) => name !== 'reason' && name !== 'latency_p999_ms')).toEqual([]);
  });

  it('counts in its rows what its samples show, message by message', () => {
    for (const row of listed) {
      const of = measured(row);
      expect(of).toHaveLength(row.attempted);
      const acknowledged = of.filter(({ outcome }) => outcome === 'acknowledged');
      const count = {
        acknowledged: acknowledged.length,
        completed: of.filter(({ completions }) => Number(completions) > 0).length,
        lost: acknowledged.filter(({ completions }) => Number(completions) === 0).length,
        duplicated: of.filter(({ completions }) => Number(completions) > 1).length,
      };
      expect(row).toMatchObject(count);
    }
  });

  it('has the percentiles and the rates that its samples give', () => {
    for (const row of listed.filter(({ valid }) => valid)) {
      const acknowledged = measured(row).filter(({ outcome }) => outcome === 'acknowledged');
      const latency = summarizeLatency(acknowledged.map((of) => msOf(of, 'acknowledged_ms') - msOf(of, 'intended_ms')));
      const service = summarizeLatency(acknowledged.map((of) => msOf(of, 'acknowledged_ms') - msOf(of, 'sent_ms')));
      if (row.load_model === 'open-loop') {
        expect(row.latency_p50_ms).toBeCloseTo(latency.p50Ms ?? Number.NaN, 1);
        if (latency.p99Ms !== null) expect((row.latency_p99_ms ?? Number.NaN) / latency.p99Ms).toBeCloseTo(1, 1);
      }
      expect((row.service_p50_ms ?? Number.NaN) / (service.p50Ms ?? Number.NaN)).toBeCloseTo(1, 1);
      const lastMs = Math.max(...measured(row).map((of) => msOf(of, 'completed_ms')));
      if (row.load_model === 'closed-loop')
        expect((row.throughput_per_s ?? Number.NaN) / ((row.acknowledged * 1000) / lastMs)).toBeCloseTo(1, 3);
    }
  });

  it('never has a paced run that is shorter than its pauses', () => {
    const paced = rows.filter(({ load_model }) => load_model === 'paced');
    expect(paced.length).toBeGreaterThan(0);
    for (const { messages, delay_ms, settle_ms, wall_ms } of paced) expect(wall_ms).toBeGreaterThanOrEqual(messages * delay_ms + settle_ms);
  });

  it('shows no effect between two halves of the same runs', () => {
    // A/A: the repetitions of one case, split in two. Their ranges overlap, or the harness sees differences that do not exist.
    for (const { rows: of } of evaluation.lowAndHigh.flatMap(({ fast }) => (fast === undefined ? [] : [fast]))) {
      const rates = of.map(({ throughput_per_s }) => throughput_per_s ?? Number.NaN);
      const [odd, even] = [rates.filter((_, at) => at % 2 === 1), rates.filter((_, at) => at % 2 === 0)];
      if (odd.length < 2 || even.length < 2) continue;
      expect(Math.max(Math.min(...odd), Math.min(...even))).toBeLessThanOrEqual(Math.min(Math.max(...odd), Math.max(...even)));
    }
  });

  it('has the charts and the report that its CSV gives, byte for byte', async () => {
    for (const chart of charts) {
      // Not with toBe on the texts: a failure would print the whole font.
      const isSame = (await renderSvg(chart)) === readFileSync(join(PUBLISHED.plots, `${chart.name}.svg`), 'utf8');
      expect(isSame ? '' : `${chart.name}.svg differs: run "npm run plots"`).toBe('');
    }
    const report = markdownReport(contentOf(evaluation, results), charts, readEnvironments(results.environmentFile), PUBLISHED);
    expect(readFileSync(join(PUBLISHED.results, 'report.md'), 'utf8')).toBe(report);
    for (const { answer } of sections(contentOf(evaluation, results)))
      if (answer !== undefined) expect(report.split(answer), answer).toHaveLength(2);
  });

  it('would say so, and fail, had one run lost messages', () => {
    const [first, ...others] = rows;
    if (first === undefined) throw new Error('There are no rows.');
    const edited = [{ ...first, lost: 700, valid: false, reason: 'edited' }, ...others];
    expect(summaryLine(contentOf({ ...evaluation, allRows: edited }, results))).toContain(' 700 lost');
    expect(reportFaults(edited, () => undefined)).toBe(1);
  });
});
