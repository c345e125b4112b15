import { describe, expect, it } from 'vitest';
import { environmentOf, parseNodeVersion } from '../../eval/node-versions/install-node.ts';
import { outcomeLine, outcomeOf } from '../../eval/node-versions/test-run.ts';

const report = (success: boolean, numPassedTests: number, numFailedTests: number): string =>
  JSON.stringify({ success, numPassedTests, numFailedTests, numTotalTests: numPassedTests + numFailedTests });

describe('a run of the tests on another Node.js', () => {
  it('succeeds when every test passed', () => {
    const outcome = outcomeOf(report(true, 120, 0), 0);
    expect(outcome).toEqual({ passed: 120, failed: 0, isSuccess: true });
    expect(outcomeLine('22.12.0', outcome, 61_400)).toBe('Node.js 22.12.0: 120 passed, 0 failed (61 s)');
  });

  it.each([
    ['a test failed', report(false, 119, 1), 1, { passed: 119, failed: 1 }],
    ['a file did not load', report(false, 119, 0), 1, { passed: 119, failed: 1 }],
    ['no test ran', report(true, 0, 0), 0, { passed: 0, failed: 1 }],
    ['a thread ended the process behind the last test', report(true, 120, 0), null, { passed: 120, failed: 1 }],
    ['there is no report', undefined, null, { passed: 0, failed: 1 }],
    ['the report is of another form', '{}', 0, { passed: 0, failed: 1 }],
  ])('fails when %s', (_case, text, exitCode, counts) => {
    expect(outcomeOf(text, exitCode)).toEqual({ ...counts, isSuccess: false });
  });

  it.each(['22', '22.12', '24.21.0'])('takes the version %s', (text) => expect(parseNodeVersion(text)).toBe(text));
  it.each(['', 'latest', '22.x', '../22', '22 24', 'v22'])('rejects the version "%s"', (text) =>
    expect(() => parseNodeVersion(text)).toThrow('Give versions of Node.js'),
  );

  it('finds its Node.js first in PATH, and no settings of the npm that started this one', () => {
    const environment = environmentOf('/some/bin');
    expect(environment.PATH).toMatch(/^\/some\/bin:/);
    expect(Object.keys(environment).filter((name) => /^npm_/i.test(name))).toEqual([]);
  });
});
