import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forEachNode, packageRoot, parseSource } from './source-file.ts';

const { exports: entries } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));

/** The names that an entry of the package exports, by the declarations of the sources. */
function exportedNames(entry: string): string[] {
  const names: string[] = [];
  const path = entry.replace('./dist/', '').replace(/\.js$/, '.ts');
  forEachNode(parseSource(path, readFileSync(join(packageRoot, path), 'utf8')), (node) => {
    if (ts.isExportSpecifier(node)) names.push(node.name.text);
  });
  return names;
}

describe('the API reference', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-api-'));
  let output = '';
  beforeAll(() => {
    const typedoc = join(packageRoot, 'node_modules/typedoc/bin/typedoc');
    const settings = ['--options', join(packageRoot, 'config/typedoc.json'), '--out', folder];
    output = execFileSync(process.execPath, [typedoc, ...settings], { cwd: packageRoot, encoding: 'utf8' });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is made from the docstrings without a warning', () => {
    expect(output).toContain('markdown generated');
    expect(output).not.toMatch(/\[(?:warning|error)\]/);
  });

  it('has a page for everything that the package exports', () => {
    const pages = new Set(readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => basename(path, '.md')));
    const names = Object.values<{ default: string }>(entries).flatMap((entry) => exportedNames(entry.default));
    expect(names).toEqual(expect.arrayContaining(['Queue', 'Worker', 'JobOptions', 'startCluster', 'startTestCluster']));
    expect(names.filter((name) => !pages.has(name))).toEqual([]);
  });

  it('names the errors of a call, with links to their pages', () => {
    const page = readFileSync(join(folder, 'index/classes/Queue.md'), 'utf8');
    expect(page).toContain('[NoNodesRunningError](NoNodesRunningError.md), [ClientClosedError](ClientClosedError.md): nothing was added');
  });
});
