import { describe, expect, it } from 'vitest';
import { brokenImports } from './broken-imports.ts';
import { readSources } from './source-file.ts';

describe('eval/peers, which is compiled only where the packages of the peers are installed', () => {
  const sources = readSources('src', 'eval');

  it('imports from the rest of the repository only what is there', () => {
    expect([...sources.keys()].filter((path) => path.startsWith('eval/peers/')).length).toBeGreaterThan(10);
    expect(brokenImports('eval/peers', sources)).toEqual([]);
  });
});

describe('the checker of imports', () => {
  const faults = (line: string): string[] =>
    brokenImports(
      'eval/peers',
      new Map([
        ['eval/peers/main.ts', line],
        ['eval/measuring/clock.ts', 'export const [low, high] = [1, 2], systemClock = 1;\nconst hidden = 1;\nexport { hidden as shown };'],
        ['eval/measuring/kinds.ts', 'export class A {}\nexport interface B {}\nexport type C = A;\nexport function d() {}'],
        ['eval/measuring/all.ts', "export * from './clock.ts';\nexport { A as Renamed } from './kinds.ts';"],
      ]),
    );

  it.each([
    ["import { x } from '../clock.ts';", 'eval/peers/main.ts:1: imports eval/clock.ts, which does not exist.'],
    ["import '../clock.ts';", 'imports eval/clock.ts'],
    ["export * from '../clock.ts';", 'imports eval/clock.ts'],
    ["import { systemClock, hidden } from '../measuring/clock.ts';", 'imports hidden, which eval/measuring/clock.ts does not export.'],
    ["import { type E as B } from '../measuring/kinds.ts';", 'imports E'],
    ["export { A } from '../measuring/all.ts';", 'imports A'],
  ])('names what is wrong in %s', (line, message) => expect(faults(line)).toEqual([expect.stringContaining(message)]));

  it.each([
    "import { systemClock as hidden, low, shown } from '../measuring/clock.ts';",
    "import { A, type B, type C, d } from '../measuring/kinds.ts';",
    "import { high, Renamed } from '../measuring/all.ts';",
    "import * as all from '../measuring/all.ts';",
    "import { Queue } from 'bullmq';",
    'const text = "import { x } from \'../clock.ts\';";',
  ])('lets %s pass', (line) => expect(faults(line)).toEqual([]));
});
