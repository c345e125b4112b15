import { describe, expect, it } from 'vitest';
import { countDeliveries, deliveryFaultsOf } from '../../eval/replay/delivery-faults.ts';
import { reportFaults } from '../../eval/replay/measure-scenarios.ts';
import type { RunRow } from '../../eval/replay/run-row.ts';
import { aRow } from './fixtures.ts';

function exitOf(...rows: readonly Partial<RunRow>[]): { readonly code: number; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const code = reportFaults(
    rows.map((row) => aRow(row)),
    (line) => lines.push(line),
  );
  return { code, lines };
}

describe('what happened to messages', () => {
  it('counts over all runs, also over those whose figures are invalid', () => {
    const rows = [aRow({ lost: 1, elections: 2 }), aRow({ lost: 700, duplicated: 2, changed: 3, drained: false, valid: false })];
    expect(countDeliveries(rows)).toEqual({ acknowledged: 200, lost: 701, duplicated: 2, changed: 3, undrained: 1, elections: 2 });
    expect(deliveryFaultsOf(rows)).toEqual([
      '701 messages lost',
      '2 messages delivered more than once',
      '3 payloads changed',
      '1 queue not drained',
    ]);
  });
});

describe('the exit status', () => {
  it('is 0 when every message arrived once and unchanged', () => {
    expect(exitOf({}, {})).toEqual({ code: 0, lines: [] });
  });

  it.each([
    ['a message was lost', { lost: 1 }, 'a-run: 1 message lost'],
    ['a message was lost in an invalid run', { lost: 700, valid: false, reason: 'x' }, 'a-run: 700 messages lost; x'],
    ['a message was delivered twice', { duplicated: 1 }, 'a-run: 1 message delivered more than once'],
    ['a payload was changed', { changed: 1, valid: false, reason: 'x' }, 'a-run: 1 payload changed; x'],
    ['a queue was not drained', { drained: false }, 'a-run: 1 queue not drained'],
    ['a run broke', { attempted: 0, valid: false, reason: 'error: no leader' }, 'a-run: error: no leader'],
  ] as const)('is 1 when %s', (_, row, line) => {
    expect(exitOf({}, row)).toEqual({ code: 1, lines: [line] });
  });
});
