import type { ResultsFolder } from '../measuring/results-folder.ts';
import { load } from '../questions/load/load.ts';
import type { Question } from '../questions/question.ts';
import { type Answer, readAnswer } from '../questions/question-file.ts';
import { size } from '../questions/size.ts';
import { survival } from '../questions/survival.ts';
import { loadSection } from './questions/load-section.ts';
import { sizeSection } from './questions/size-section.ts';
import { survivalSection } from './questions/survival-section.ts';
import type { Section } from './table.ts';

/** The sections of one question, by its id; none if it was not measured. */
export type QuestionSections = (id: string) => readonly Section[];

type Write = readonly [id: string, write: (results: ResultsFolder) => readonly Section[]];

const writtenFrom = <Row extends object>(question: Question<Row>, section: (answer: Answer<Row>) => Section): Write => [
  question.id,
  (results) => {
    const answer = readAnswer(results, question);
    return answer === undefined ? [] : [section(answer)];
  },
];

const SECTIONS: ReadonlyMap<string, Write[1]> = new Map([
  writtenFrom(load, loadSection),
  writtenFrom(size, sizeSection),
  writtenFrom(survival, survivalSection),
]);

/** @throws {UserError} when a CSV is not what it should be. */
export const questionSections =
  (results: ResultsFolder): QuestionSections =>
  (id) =>
    SECTIONS.get(id)?.(results) ?? [];
