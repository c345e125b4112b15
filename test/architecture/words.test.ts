import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot, readFiles } from './source-file.ts';
import { wordViolations } from './word-violations.ts';

/** The list has all old words, and this test some of them. */
const isList = (path: string): boolean => /^test\/architecture\/words(?:\.test)?\.ts$/.test(path);
const isRead = (path: string): boolean => !isList(path) && (/\.(?:ts|md)$/.test(path) || /^test\/raft\/transcripts\/.*\.txt$/.test(path));

/** Tables between `<!-- name -->` and `<!-- end of name -->` are written from results. Their lines are kept, empty. */
const withoutTables = (page: string): string =>
  page.replace(/<!-- ([\w ]+) -->[\s\S]*?<!-- end of \1 -->/g, (table) => table.replace(/.+/g, ''));

describe('the words of code, documentation and tests', () => {
  const files = new Map(readFiles(['src', 'eval', 'test', 'examples', 'docs'], (path) => isRead(path) && !path.startsWith('docs/api/')));
  for (const page of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']) files.set(page, readFileSync(join(packageRoot, page), 'utf8'));
  files.set('test/README.md', withoutTables(files.get('test/README.md') ?? ''));

  it('are read from every folder', () => {
    for (const path of ['src/raft/README.md', 'eval/main.ts', 'test/raft/transcripts/figure-7.txt']) expect(files.has(path)).toBe(true);
    expect(files.size).toBeGreaterThan(300);
  });

  it('are the terms of the field', () => expect(wordViolations(files)).toEqual([]));
});

describe('the checker of words', () => {
  const faults = (text: string, path = 'src/raft/a.ts'): string[] => wordViolations(new Map([[path, text]]));

  it.each([
    ['const a = 1;\nnew RequestDesk();', 'src/raft/a.ts:2: "RequestDesk". Write: RequestRouter.'],
    ["import './read-desk.ts';", 'src/raft/a.ts:1: "read-desk". Write: query-handler.'],
    ['// Nobody leads.', '"Nobody". Write: no node'],
    ['this.refuseAll();', '"refuse". Write: reject'],
    ['onLateRefusal();', '"Refusal". Write: rejection'],
    ['const ROSTER_MAX = 1;', '"ROSTER". Write: manifest'],
    ['/*\n * The frame is on its\n * way.\n */', 'src/raft/a.ts:2: "on its way". Write: in flight'],
  ])('names the place of an old word and what to write instead: %j', (text, message) => {
    expect(faults(text)).toEqual([expect.stringContaining(message)]);
  });

  it('checks the names of files', () => {
    expect(faults('', 'src/node/admin-desk.ts')).toEqual([expect.stringContaining('the file\'s name has "desk"')]);
  });

  it.each([
    'outstanding, understand, standard, ECONNREFUSED, household, Wakeups',
    "coverage.add('election while a snapshot was on its way');",
    '// The node answers the request. There is no room for the content of the file.',
  ])('accepts other words and recorded names: %j', (text) => expect(faults(text)).toEqual([]));
});
