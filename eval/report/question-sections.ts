import { existsSync, readFileSync } from 'node:fs';
import { coresOf } from '../charts/question-charts.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { elections } from '../questions/elections/elections.ts';
import { failover } from '../questions/failover/failover.ts';
import { load } from '../questions/load/load.ts';
import { nodes } from '../questions/nodes/nodes.ts';
import { ORIGINAL } from '../questions/original/original.ts';
import type { AskedQuestion } from '../questions/question.ts';
import { type Answer, readAnswer } from '../questions/question-file.ts';
import { reasons } from '../questions/reasons/reasons.ts';
import { recovery } from '../questions/recovery/recovery.ts';
import { size } from '../questions/size.ts';
import { survival } from '../questions/survival.ts';
import { readLimits } from './limit-figures.ts';
import { limitSection } from './limit-section.ts';
import { readMutants } from './mutant-count.ts';
import { peersSections } from './peers-section.ts';
import { readPeers } from './peers-session.ts';
import { asPublished } from './published-part.ts';
import { electionsSection } from './questions/elections-section.ts';
import { failoverSection } from './questions/failover-section.ts';
import { loadSection } from './questions/load-section.ts';
import { nodesSection } from './questions/nodes-section.ts';
import { originalSection } from './questions/original-section.ts';
import { reasonsSection } from './questions/reasons-section.ts';
import { recoverySection } from './questions/recovery-section.ts';
import { sizeSection } from './questions/size-section.ts';
import { survivalSection } from './questions/survival-section.ts';
import type { Section } from './table.ts';
import { timeSections } from './time-section.ts';

/** The sections of one question, by its id, or of `limit`, `time` and `peers`; none if it was not measured. */
export type QuestionSections = (id: string) => readonly Section[];

type Write = readonly [id: string, write: (results: ResultsFolder, published: ResultsFolder | undefined) => readonly Section[]];

const writtenFrom = <Row extends object>(
  question: AskedQuestion<Row>,
  section: (answer: Answer<Row>, results: ResultsFolder) => Section,
): Write => [
  question.id,
  (results, published) => {
    const answer = readAnswer(results, question);
    if (answer !== undefined) return [section(answer, results)];
    const before = published === undefined ? undefined : readAnswer(published, question);
    return published === undefined || before === undefined ? [] : [asPublished(section(before, published), before.facts)];
  },
];

/** Of the figures of several commands. */
function limitSections(results: ResultsFolder, published: ResultsFolder | undefined): readonly Section[] {
  const limits = readLimits(results);
  if (limits !== undefined) return [limitSection(limits)];
  const before = published === undefined ? undefined : readLimits(published);
  return before === undefined ? [] : [asPublished(limitSection(before), before.facts)];
}

function peerSections(results: ResultsFolder, published: ResultsFolder | undefined): readonly Section[] {
  const csvOf = ({ peersFile }: ResultsFolder): string | undefined => (existsSync(peersFile) ? readFileSync(peersFile, 'utf8') : undefined);
  const own = csvOf(results);
  if (own !== undefined) return peersSections(own);
  const before = published === undefined ? undefined : csvOf(published);
  const session = before === undefined ? undefined : readPeers(before);
  return before === undefined || session === undefined ? [] : peersSections(before).map((section) => asPublished(section, session.first));
}

const SECTIONS: ReadonlyMap<string, Write[1]> = new Map<string, Write[1]>([
  writtenFrom(ORIGINAL, originalSection),
  writtenFrom(load, loadSection),
  writtenFrom(elections, electionsSection),
  writtenFrom(failover, failoverSection),
  writtenFrom(nodes, (answer, results) => nodesSection(answer, coresOf(answer, results))),
  writtenFrom(size, sizeSection),
  writtenFrom(recovery, recoverySection),
  writtenFrom(reasons, reasonsSection),
  writtenFrom(survival, (answer, results) => survivalSection(answer, readMutants(results))),
  ['limit', limitSections],
  ['peers', peerSections],
  ['time', timeSections],
]);

/**
 * Each question is read once, when its sections are asked for first: some CSVs have tens of thousands of rows.
 * @param published whose sections are shown, and marked, where there are no rows in `results`.
 * @throws {UserError} when a CSV is not what it should be.
 */
export function questionSections(results: ResultsFolder, published?: ResultsFolder): QuestionSections {
  const written = new Map<string, readonly Section[]>();
  return (id) => {
    const sections = written.get(id) ?? SECTIONS.get(id)?.(results, published) ?? [];
    written.set(id, sections);
    return sections;
  };
}
