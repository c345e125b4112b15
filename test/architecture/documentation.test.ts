import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linkViolations, memberViolations, referenceViolations } from './pages.ts';
import { packageRoot, readFiles, readSources } from './source-file.ts';

/** docs/api is made by `npm run docs`. */
const exists = (path: string): boolean => path === 'docs/api' || existsSync(join(packageRoot, path));

describe('the documentation', () => {
  const guides = new Map(readFiles(['docs'], (path) => /^docs\/[^/]+\.md$/.test(path)));
  for (const page of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']) guides.set(page, readFileSync(join(packageRoot, page), 'utf8'));
  const pages = new Map([...guides, ...readFiles(['src', 'eval', 'test'], (path) => path.endsWith('README.md'))]);

  it('was found', () => {
    for (const page of ['docs/architecture.md', 'docs/design.md', 'src/raft/README.md', 'test/README.md'])
      expect([...pages.keys()]).toContain(page);
  });

  it('has only links that lead somewhere, headings included', () => expect(linkViolations(pages, exists)).toEqual([]));

  it('names only files that exist and what they declare', () =>
    expect(referenceViolations(guides, readSources('src', 'eval', 'test', 'examples'), exists)).toEqual([]));

  it('follows a job only through functions that exist', () =>
    expect(memberViolations('docs/architecture.md', guides.get('docs/architecture.md') ?? '', readSources('src'))).toEqual([]));

  it('has a page for each guide that the README’s table lists, and lists each page', () => {
    const readme = guides.get('README.md') ?? '';
    for (const page of guides.keys()) if (page !== 'README.md') expect(readme, page).toContain(`](${page}`);
  });
});

describe('the checker of pages', () => {
  const pages = new Map([
    [
      'docs/a.md',
      '# A\n## Files & folders (two)\n[ok](#files--folders-two) [b](b.md) [gone](gone.md) [heading](#nothing)\n```\n[x](no.md)\n```\n',
    ],
    ['docs/b.md', '`src/c.ts` › `f`, `src/c.ts` › `C.#m`, `src/c.ts` › `I.p`; `src/c.ts` › `g`; `src/d.ts`'],
  ]);
  const sources = new Map([['src/c.ts', 'export function f() {}\nclass C { #m() {} }\ninterface I { p: 1 }']]);
  const isThere = (path: string): boolean => pages.has(path) || sources.has(path);

  it('finds a link to a missing page and to a missing heading', () => {
    expect(linkViolations(pages, isThere)).toEqual([
      'docs/a.md: the link gone.md leads to docs/gone.md, which does not exist.',
      'docs/a.md: the link #nothing names a heading that docs/a.md does not have.',
    ]);
  });

  it('finds a member that no source declares', () => {
    expect(memberViolations('docs/a.md', '`C.#m`, then `I.p`, then `C.gone` and `fileName.ts`', sources)).toEqual([
      'docs/a.md: no source declares `C.gone`.',
    ]);
  });

  it('finds a missing file, and a name that its file does not declare', () => {
    expect(referenceViolations(pages, sources, isThere)).toEqual([
      'docs/b.md: `src/c.ts` declares no `g`.',
      'docs/b.md: `src/d.ts` does not exist.',
    ]);
  });
});
