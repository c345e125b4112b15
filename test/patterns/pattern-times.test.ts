import { describe, expect, it } from 'vitest';
import { PATTERN_TIMES } from '../../src/patterns/pattern-times.ts';

const BERLIN = 'Europe/Berlin';

function nextOf(pattern: string, tz: string, after: string): string | undefined {
  const nextMs = PATTERN_TIMES.next(pattern, tz, Date.parse(after));
  return nextMs === undefined ? undefined : new Date(nextMs).toISOString();
}

describe('the next time of a pattern', () => {
  it.each([
    ['in UTC without a time zone', '0 9 * * *', '', '2026-03-28T12:00:00Z', '2026-03-29T09:00:00.000Z'],
    ['in its time zone', '0 9 * * *', 'America/New_York', '2026-01-15T12:00:00Z', '2026-01-15T14:00:00.000Z'],
    ['with seconds', '*/5 * * * * *', '', '2026-01-01T00:00:01Z', '2026-01-01T00:00:05.000Z'],
    ['by a name', '@daily', '', '2026-01-01T00:00:01Z', '2026-01-02T00:00:00.000Z'],
    ['on the last day of a month', '0 0 L * *', '', '2026-02-01T00:00:00Z', '2026-02-28T00:00:00.000Z'],
    ['in a leap year', '0 0 29 2 *', '', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['at the same wall time when the clocks go forward', '0 9 * * *', BERLIN, '2026-03-28T12:00:00Z', '2026-03-29T07:00:00.000Z'],
    ['the first time that exists where the clocks skip it', '30 2 * * *', BERLIN, '2026-03-28T12:00:00Z', '2026-03-29T01:00:00.000Z'],
    ['once where the clocks go back', '30 2 * * *', BERLIN, '2026-10-25T00:30:00Z', '2026-10-26T01:30:00.000Z'],
  ])('is %s', (_, pattern, tz, after, next) => {
    expect(nextOf(pattern, tz, after)).toBe(next);
  });

  it('is after the given one, and one at the given millisecond does not count', () => {
    expect(nextOf('0 * * * *', '', '2025-12-31T23:59:59.999Z')).toBe('2026-01-01T00:00:00.000Z');
    expect(nextOf('0 * * * *', '', '2026-01-01T00:00:00.000Z')).toBe('2026-01-01T01:00:00.000Z');
    expect(nextOf('0 * * * *', '', '2026-01-01T00:00:00.001Z')).toBe('2026-01-01T01:00:00.000Z');
  });

  it('does not exist on a day that there is never', () => {
    expect(nextOf('0 0 31 2 *', '', '2026-01-01T00:00:00Z')).toBeUndefined();
  });

  it.each([
    ['a word', 'tomorrow', ''],
    ['an hour that there is not', '0 25 * * *', ''],
    ['a date', '2030-01-01T00:00:00', ''],
    ['a date in two words', '2030-01-01 00:00:00', ''],
    ['a field for the year', '0 0 9 * * * 2030', ''],
    ['four fields', '0 9 * *', ''],
    ['days of both fields together', '0 0 8 * +1#1', ''],
    ['a time zone that there is not', '0 9 * * *', 'Europe/Atlantis'],
  ])('is an error of %s', (_, pattern, tz) => {
    expect(() => nextOf(pattern, tz, '2026-01-01T00:00:00Z')).toThrow();
  });
});
