import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildTests, outcomeOf } from '../../eval/questions/original/go-test.ts';
import { type OriginalRow, originalQuestion } from '../../eval/questions/original/original.ts';
import { originalSection } from '../../eval/report/questions/original-section.ts';
import { answerOf } from './answers.ts';

describe("the output of one of the original's tests", () => {
  it('has the time that go prints', () => {
    const output = '=== RUN   TestEval_A\n[0] became Leader\n--- PASS: TestEval_A (13.19s)\nPASS\n';
    expect(outcomeOf('TestEval_A', output)).toEqual({ isPassed: true, wallMs: 13_190 });
  });

  it.each([
    ['failed', '--- FAIL: TestEval_A (600.00s)\n', 600_000],
    ['ended by its limit', 'panic: test timed out after 15m0s\n', null],
    ['of another name', '--- PASS: TestEval_AB (1.00s)\n', null],
  ])('is no success when it %s', (_, output, wallMs) => {
    expect(outcomeOf('TestEval_A', output)).toEqual({ isPassed: false, wallMs });
  });
});

describe('the question about the original', () => {
  it('takes each scenario on both systems in turn', () => {
    const names = originalQuestion('/checkout').steps.map(({ name }) => name.split(' ')[0]);
    expect(names).toEqual(Array.from({ length: 4 }, () => ['original', 'jobraft']).flat());
  });

  it('rejects a folder without the original, and writes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-original-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const build = buildTests(folder, join(folder, 'binary'), new AbortController().signal);
    await expect(build).rejects.toThrow('has no raft/evaluation_test.go. Name a checkout');
    expect(existsSync(join(folder, 'binary'))).toBe(false);
  });

  it('has a section that compares the two, and shows a test that did not end', () => {
    const row = (system: OriginalRow['system'], messages: number, wall_ms: number | null): OriginalRow => ({
      ...{ system, messages, payload_bytes: 4, wall_ms, completed: wall_ms === null ? 0 : 1 },
    });
    const rows = [row('original', 100, 13_000), row('jobraft', 100, 10_400), row('original', 500, null), row('jobraft', 500, 51_000)];
    expect(originalSection(answerOf(rows)).table.rows).toEqual([
      ['100 × 4 B', '13.0', '10.4', '7.69', '9.62', '1.25'],
      ['500 × 4 B', 'did not end', '51.0', '–', '9.80', '–'],
    ]);
  });
});
