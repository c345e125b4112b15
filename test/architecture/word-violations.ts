import type { Sources, Violation } from './source-file.ts';
import { PLAIN, RECORDED, RENAMED } from './words.ts';

/** Between the words of a phrase: blanks, or the end of a comment's line and the start of the next. */
const GAP = /[\s*/]+/g;

const renamed = new Map(pairsOf(RENAMED));
const plain = new Map(pairsOf(PLAIN).flatMap(([words, instead]) => words.split(', ').map((word) => [word, instead] as const)));
const recorded = new Set(RECORDED);

/** One pass over each text: recorded names first, which are skipped, then old identifiers, then words in any case. */
const WORDS = new RegExp(
  [
    ...RECORDED.map(escaped),
    `\\b(?:${[...renamed.keys()].join('|')})\\b`,
    `(?<![A-Za-z])(?:${formsOf((word) => word)})(?![a-z])`,
    `(?<![A-Z])(?:${formsOf(([first = '', ...rest]) => first.toUpperCase() + rest.join(''))})(?![a-z])`,
    `(?<![A-Za-z])(?:${formsOf((word) => word.toUpperCase())})(?![A-Z])`,
  ].join('|'),
  'g',
);

/** Old names and words that are not plain, in the contents of files and in their names. */
export function wordViolations(sources: Sources): Violation[] {
  return [...sources].flatMap(([path, text]) => [
    ...[...oldWordsIn(path)].map(({ word, instead }) => `${path}: the file's name has "${word}". Write: ${instead}.`),
    ...[...oldWordsIn(text)].map(({ word, instead, at }) => `${path}:${lineOf(text, at)}: "${word}". Write: ${instead}.`),
  ]);
}

interface OldWord {
  readonly word: string;
  readonly instead: string;
  readonly at: number;
}

function* oldWordsIn(text: string): Generator<OldWord> {
  for (const { 0: found, index: at } of text.matchAll(WORDS)) {
    const word = found.replace(GAP, ' ');
    const instead = recorded.has(found) ? undefined : (renamed.get(found) ?? plain.get(word.toLowerCase()));
    if (instead !== undefined) yield { word, instead, at };
  }
}

function pairsOf(lines: string): (readonly [string, string])[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [old = '', instead = ''] = line.split(' -> ');
      return [old, instead] as const;
    });
}

function formsOf(inCase: (word: string) => string): string {
  return [...plain.keys()].map((word) => inCase(word).replaceAll(' ', '[\\s*/]+')).join('|');
}

function escaped(text: string): string {
  return text.replace(/[()]/g, '\\$&');
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;
