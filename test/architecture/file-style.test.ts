import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FUNCTION_LINES_MAX, functionLengthViolations, LINES_MAX, lengthViolations, styleViolations } from './file-style.ts';
import { packageRoot, readSources } from './source-file.ts';

describe('the source files', () => {
  it(`have at most ${LINES_MAX} lines`, () => expect(lengthViolations(readSources('src', 'eval'))).toEqual([]));
  it(`have functions of at most ${FUNCTION_LINES_MAX} lines`, () => {
    expect(functionLengthViolations(readSources('src', 'eval'))).toEqual([]);
  });
  it('have no default exports, no any, and names in kebab-case', () => {
    expect(styleViolations(readSources('src', 'eval', 'test', 'config'))).toEqual([]);
  });

  it.each([
    'src/raft',
    'src/queue',
    'src/node',
    'src/storage',
    'src/transport',
    'src/cluster',
    'src/client',
    'src/testing',
    'src/cli',
    'eval',
  ])('%s has a README of 20 to 60 lines: what the module is for, its diagram, its invariants', (module) => {
    const file = join(packageRoot, module, 'README.md');
    expect(existsSync(file), `${module}/README.md is missing`).toBe(true);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').length;
    expect(lines).toBeGreaterThanOrEqual(20);
    expect(lines).toBeLessThanOrEqual(60);
  });
});

describe('the style checker', () => {
  const faults = (path: string, text: string): string[] => styleViolations(new Map([[path, text]]));

  it.each([
    ['src/raft/log.ts', 'export default class {}', 'src/raft/log.ts:1: exports a default'],
    ['src/raft/log.ts', 'const x = 1;\nexport default x;', 'src/raft/log.ts:2: exports a default'],
    ['src/raft/log.ts', 'const x = 1;\nexport { x as default };', 'src/raft/log.ts:2: exports a default'],
    ['src/raft/log.ts', 'let x: any;', 'src/raft/log.ts:1: uses any'],
    ['src/raft/log.ts', 'const x = y as any[];', 'src/raft/log.ts:1: uses any'],
    ['src/raft/raftLog.ts', 'let x = 1;', 'src/raft/raftLog.ts: the file'],
  ])('names what is wrong in %s: %s', (path, text, message) => expect(faults(path, text)).toEqual([expect.stringContaining(message)]));

  it.each([
    ['src/raft/log.ts', 'switch (x) { default: break; }'],
    ['src/raft/log.ts', "import ts from 'typescript'; // any of them\nconst any = 1; const text = 'any';"],
    ['config/vitest.config.ts', 'export default {};'],
    ['test/raft/log-matching.test.ts', 'let x: unknown;'],
  ])('lets %s pass: %s', (path, text) => expect(faults(path, text)).toEqual([]));

  it('counts lines', () => {
    expect(lengthViolations(new Map([['a.ts', 'x\n'.repeat(LINES_MAX)]]))).toEqual([]);
    expect(lengthViolations(new Map([['a.ts', 'x\n'.repeat(LINES_MAX + 1)]]))).toEqual([
      expect.stringContaining(`a.ts: ${LINES_MAX + 1} lines`),
    ]);
  });

  describe.each([
    ['function f() {', '}', 'f'],
    ['const f = () => {', '};', 'a function without a name'],
    ['class A { constructor() {', '} }', 'a function without a name'],
    ['class A { #f() {', '} }', '#f'],
    ['class A { get f() {', '} }', 'f'],
  ])('of the function %s … %s', (begin, end, name) => {
    const withLines = (lines: number): Map<string, string> => new Map([['a.ts', `${begin}\n${'x;\n'.repeat(lines - 2)}${end}\n`]]);

    it('counts the lines', () => {
      expect(functionLengthViolations(withLines(FUNCTION_LINES_MAX))).toEqual([]);
      expect(functionLengthViolations(withLines(FUNCTION_LINES_MAX + 1))).toEqual([
        expect.stringContaining(`a.ts:1: ${name} has ${FUNCTION_LINES_MAX + 1} lines`),
      ]);
    });
  });

  it('names functions inside of others', () => {
    const text = `function f() {\n  return () => {\n${'x;\n'.repeat(FUNCTION_LINES_MAX)}  };\n}\n`;
    expect(functionLengthViolations(new Map([['a.ts', text]]))).toHaveLength(2);
  });
});
