import { existsSync } from 'node:fs';
import { formatCount } from '../measuring/format.ts';
import type { PUBLISHED } from '../measuring/output-folders.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import type { Evaluation } from '../replay/analysis.ts';
import { claimTable } from './claims.ts';
import { messageSources, totalOf } from './message-sources.ts';
import type { Section } from './table.ts';

/** The published session's results, for the report of another folder; undefined for its own, or where there is none. */
export function publishedBeside(results: ResultsFolder, folders: typeof PUBLISHED): ResultsFolder | undefined {
  const published = ResultsFolder.at(folders.results);
  return published.path === results.path || !existsSync(published.runsFile) ? undefined : published;
}

/** What a user's own report shows of the published session: the claims over all its scenarios. */
export function publishedSections(published: ResultsFolder, evaluation: Evaluation): readonly Section[] {
  return [
    {
      title: 'The claims in the published session',
      note: `Not measured now: ${sourceLine(evaluation, published)} The repository's report has all its rows.`,
      table: claimTable(evaluation),
      charts: [],
    },
  ];
}

function sourceLine(evaluation: Evaluation, results: ResultsFolder): string {
  const { acknowledged, lost } = totalOf(messageSources(evaluation, results));
  const { commits, rows } = evaluation;
  const commit = commits.map((each) => each.slice(0, 7)).join(', ');
  return `commit ${commit}, ${rows[0]?.session.slice(0, 10) ?? ''}, on another machine or at another time; of ${formatCount(acknowledged)} acknowledged messages ${lost === null ? 'an unknown number' : formatCount(lost)} were lost.`;
}

/** A section of this evaluation's rows, or of the published ones where there are none. */
export function orPublished(isMeasured: boolean, sectionOf: (of: Evaluation) => Section, own: Evaluation, published?: Evaluation): Section {
  if (isMeasured || published === undefined) return sectionOf(own);
  return asPublished(sectionOf(published), { session: published.rows[0]?.session ?? '', commit: published.commits.join(', ') });
}

/** Marks a section whose rows are of the published session. */
export const asPublished = (section: Section, { session, commit }: { readonly session: string; readonly commit: string }): Section => ({
  ...section,
  ...(section.answer === undefined ? {} : { answer: `In the published session: ${section.answer}` }),
  ...(section.brief === undefined ? {} : { brief: `In the published session: ${section.brief}` }),
  note: `Not measured now, but in the published session of ${session.slice(0, 10)}, commit ${commit.slice(0, 7)}. ${section.note}`,
});
