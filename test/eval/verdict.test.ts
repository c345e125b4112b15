import { describe, expect, it } from 'vitest';
import { analyze, type Figure } from '../../eval/replay/analysis.ts';
import type { RunRow } from '../../eval/replay/run-row.ts';
import { claimsSection } from '../../eval/report/claims.ts';
import { describeDifference, describeEffect, type Evidence, unseenBelowMs, VERDICT_RULES, verdictOf } from '../../eval/report/verdict.ts';
import { rowsOfEverything, settings } from './fixtures.ts';

const ratio = (low: number, high: number): Figure => ({ median: (low + high) / 2, spread: { kind: 'interval', low, high }, runs: 10 });
const SHOWN: Evidence = {
  ...{ isDelivered: true, isValid: true, pacedPerSecond: 9.6, publishedPerSecond: 7.5 },
  compared: { pacedPerSecond: 9.6, fastRatio: ratio(0.96, 1.1) },
};
const verdictWith = (change: Partial<Evidence>) => verdictOf({ ...SHOWN, ...change });
const compared = (pacedPerSecond: number | undefined, fastRatio: Figure | undefined = undefined) => ({
  compared: { pacedPerSecond, fastRatio },
});

describe('the verdict of a claim', () => {
  it('is yes for a rate that is delivered, at least the published one, and at most 5 % below the compared one', () => {
    expect(verdictWith({})).toBe('yes');
    expect(verdictWith({ publishedPerSecond: 9.6, compared: undefined })).toBe('yes');
    expect(verdictWith({ pacedPerSecond: 9.5, ...compared(10) })).toBe('yes');
    expect(VERDICT_RULES.join(' ')).toContain('at most 5 % below');
  });

  it('is yes for a rate above the compared one, by however much', () =>
    expect(verdictWith({ pacedPerSecond: 9.61, ...compared(9.04) })).toBe('yes'));

  it('is no for a message that is not delivered, a lower rate, or more than 5 % below the compared one', () => {
    expect(verdictWith({ isDelivered: false })).toBe('no');
    expect(verdictWith({ publishedPerSecond: 9.61 })).toBe('no');
    expect(verdictWith({ pacedPerSecond: 9.49, ...compared(10) })).toBe('no');
    expect(verdictWith({ quarters: { first: 9.6, last: 9.1 } })).toBe('no');
    expect(verdictWith({ quarters: { first: 9.6, last: 9.2 } })).toBe('yes');
  });

  it('is in part where only the runs at full speed are slower, with their whole interval', () => {
    expect(verdictWith(compared(9.6, ratio(0.53, 0.83)))).toBe('in part');
    expect(verdictWith(compared(9.6, ratio(1.1, 1.2)))).toBe('yes');
  });

  it('is as paced where full speed shows neither the claim nor the opposite', () => {
    expect(verdictWith(compared(9.6, ratio(0.94, 1.1)))).toBe('as paced');
    expect(verdictWith(compared(9.6, ratio(0.53, 1)))).toBe('as paced');
    expect(verdictWith(compared(9.6, ratio(0.95, 1.1)))).toBe('yes');
    expect(verdictWith(compared(9.6, { median: 0.5, spread: undefined, runs: 1 }))).toBe('as paced');
  });

  it('is not shown without the series or the compared one, or with an invalid run', () => {
    expect(verdictWith({ pacedPerSecond: undefined })).toBe('not shown');
    expect(verdictWith(compared(undefined))).toBe('not shown');
    expect(verdictWith({ isValid: false })).toBe('not shown');
  });

  it('names the loss that an interval with 1 in it does not exclude', () => {
    expect(describeEffect(ratio(0.776, 1.22))).toBe('no measurable effect; a loss of up to 22 % is not excluded');
    expect(describeEffect(ratio(1, 1.22))).toBe('no measurable effect');
  });

  it('cannot see what a pause hides', () => expect(unseenBelowMs(100)).toBeCloseTo(5.26, 2));

  it('names the difference of two rates', () => {
    expect([describeDifference(9.61, 9.04), describeDifference(9, 10), describeDifference(9.4901, 9.49)]).toEqual([
      ...['6.3 % above', '10.0 % below', 'the same'],
    ]);
  });
});

describe('the section of the claims', () => {
  const cellsOf = (change: (row: RunRow) => RunRow, id: string) => {
    const { table } = claimsSection(analyze(rowsOfEverything().map(change), settings, new Map()));
    return table.rows.find(([claim]) => claim?.startsWith(id)) ?? [];
  };
  const slower = (row: RunRow): RunRow =>
    row.kind === 'fast' && row.payload_bytes === 640 ? { ...row, throughput_per_s: (row.throughput_per_s ?? 0) * 0.6 } : row;

  it('shows for each claim how many series it is of, what it is compared with, and both pacings', () => {
    expect(cellsOf(slower, 'R13')).toEqual([
      ...['R13: 2,000 × 4 B: a long series, as steadily as the short one', '7.50 msg/s, 33.2 ms a message'],
      '9.69 msg/s, 3.00 ms a message (n=1)',
      '9.69 msg/s against 9.26 of 100 × 4 B, ratio 1.05: 4.6 % above; with replies in no time it would be 4.7 % above, by the rest at the end alone',
      expect.stringMatching(/^[\d,]+ msg\/s against [\d,]+ of 100 × 4 B, ratio [\d.]+$/),
      ...[expect.stringMatching(/^[\d.]+ \(n=3, range /), 'yes'],
    ]);
    expect(cellsOf(slower, 'R15').slice(5)).toEqual(['0.600 (n=3, range 0.600–0.600): slower in all 3 pairs', 'in part']);
    expect(cellsOf((row) => row, 'R15').slice(5)).toEqual(['1.00 (n=3, range 1.00–1.00): no measurable effect', 'yes']);
  });

  it('says whose claims they are, and its verdicts in words', () => {
    const { answer, brief } = claimsSection(analyze(rowsOfEverything().map(slower), settings, new Map()));
    expect(brief).toContain(`what the authors of the original, ${settings.published.system}, report of it`);
    for (const text of [answer, brief]) expect(text).toContain("with the original's pauses yes, without them no");
  });

  it('is no where a paced message was lost', () =>
    expect(cellsOf((row) => (row.kind === 'paced' ? { ...row, lost: 1 } : row), 'R12').at(-1)).toBe('no'));
});
