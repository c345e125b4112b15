import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { questionCharts, WIDE } from '../../eval/charts/question-charts.ts';
import { PUBLISHED } from '../../eval/measuring/output-folders.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { QuestionFile } from '../../eval/questions/question-file.ts';
import { type SizeRow, size } from '../../eval/questions/size.ts';
import { NOTHING_WATCHED } from '../../eval/questions/used-columns.ts';
import { RunFiles } from '../../eval/replay/run-files.ts';
import { publishedBeside } from '../../eval/report/published-part.ts';
import { questionSections } from '../../eval/report/question-sections.ts';
import { rebuildPlots } from '../../eval/report/rebuild-plots.ts';
import { aFolder, aRow, settings } from './fixtures.ts';

const machine = { loadAverage: null, stealShare: null, otherShare: null };
const row = (subject: SizeRow['subject'], bytes: number | null, mb_per_s: number): SizeRow => ({
  ...{
    subject,
    payload_bytes: bytes,
    in_flight: 10,
    adds_per_s: 1,
    mb_per_s,
    service_p50_ms: 1,
    service_p99_ms: 2,
    is_steady: 1,
    ...NOTHING_WATCHED,
  },
});

/** A results folder in which the question about sizes was measured. */
function measured(folder: string, session: string): ResultsFolder {
  const results = ResultsFolder.open(folder);
  const facts = { session, commit: '0123456789', environment: 'e', nodes: 3, durability: 'full' };
  const rows = [row('disk', null, 300), row('disk, one file a node', null, 200), row('jobraft', 4, 0.5), row('jobraft', 1_048_576, 100)];
  QuestionFile.open(results, size, facts).append({ round: 1, step: 'all', fdatasyncMs: 1, machine }, rows);
  return results;
}

it('a question that was not measured is shown from the published session, and marked', () => {
  const published = measured(aFolder(), '2026-01-02T00:00:00.000Z');
  const own = ResultsFolder.open(join(published.path, 'local'));
  const [section] = questionSections(own, published)('size');
  expect(section?.note).toMatch(/^Not measured now, but in the published session of 2026-01-02, commit 0123456\. /);
  expect(section?.answer).toMatch(/^In the published session: /);
  expect(questionCharts(own, WIDE, published).map(({ name, csv }) => [name, csv])).toEqual([['size', '../size.csv']]);
  expect(questionSections(own)('size')).toEqual([]);
  expect(questionCharts(own)).toEqual([]);
});

it('a question that was measured is shown from its own rows', () => {
  const published = measured(aFolder(), '2026-01-02T00:00:00.000Z');
  const own = measured(join(published.path, 'local'), '2026-03-04T00:00:00.000Z');
  expect(questionSections(own, published)('size')[0]?.note).not.toContain('Not measured now');
  expect(questionCharts(own, WIDE, published).map(({ csv }) => csv)).toEqual(['size.csv']);
});

it('a question is read once, for all forms of the report', () => {
  const own = measured(aFolder(), '2026-01-02T00:00:00.000Z');
  const sections = questionSections(own);
  const [first] = sections('size');
  rmSync(join(own.path, 'size.csv'));
  expect(first?.title).toBe(size.asks);
  expect(sections('size')).toEqual([first]);
});

it('the published folder has no other one beside it', () => {
  expect(publishedBeside(ResultsFolder.at(PUBLISHED.results), PUBLISHED)).toBeUndefined();
  expect(publishedBeside(ResultsFolder.at(aFolder()), PUBLISHED)?.path).toBe(PUBLISHED.results);
});

it('the files of a published chart are copied, and drawn only where one is missing', async () => {
  const published = measured(aFolder(), '2026-01-02T00:00:00.000Z');
  RunFiles.open(published).appendRow(aRow());
  const folders = { results: published.path, plots: join(published.path, 'plots') };
  const own = ResultsFolder.open(join(published.path, 'local'));
  RunFiles.open(own).appendRow(aRow());
  const plots = join(own.path, 'plots');
  const rebuilt = async (): Promise<string> => {
    await rebuildPlots(own, plots, settings, folders);
    return readFileSync(join(plots, 'size.svg'), 'utf8');
  };
  mkdirSync(folders.plots);
  for (const file of ['size.svg', 'size.png']) writeFileSync(join(folders.plots, file), 'as published');
  expect(await rebuilt()).toContain('<svg');
  writeFileSync(join(folders.plots, 'size.vl.json'), '{}');
  expect(await rebuilt()).toBe('as published');
  // Its own charts are drawn.
  expect(existsSync(join(folders.plots, 'throughput-by-count.svg'))).toBe(false);
  expect(readFileSync(join(plots, 'throughput-by-count.svg'), 'utf8')).toContain('<svg');
});
