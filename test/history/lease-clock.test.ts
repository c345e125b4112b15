import { describe, expect, it } from 'vitest';
import { LeaseClock } from '../../src/history/checkers/lease-clock.ts';

const SECOND_US = 1_000_000;
const at = (seconds: number): number => seconds * SECOND_US;
const led = (from: number, to = Number.POSITIVE_INFINITY) => ({ fromUs: at(from), toUs: at(to) });

describe('a lease of two seconds', () => {
  it('ends after two seconds, where leaderships are unknown', () => {
    expect(new LeaseClock(0).overUs(at(1), 2_000)).toBe(at(3));
  });

  it('ends after two seconds under one leader', () => {
    expect(new LeaseClock(0, [led(0)]).overUs(at(1), 2_000)).toBe(at(3));
  });

  it('gets its full duration again from a new leader, and does not run while there is none', () => {
    const clock = new LeaseClock(0, [led(0, 2), led(10)]);
    expect(clock.overUs(at(1), 2_000)).toBe(at(12));
  });

  it('ends before a new leader that is elected later', () => {
    const clock = new LeaseClock(0, [led(0, 4), led(10)]);
    expect(clock.overUs(at(1), 2_000)).toBe(at(3));
  });

  it('may end before a new leader, if its time was nearly over and clocks may be wrong', () => {
    const clock = new LeaseClock(at(0.5), [led(0, 2.8), led(3)]);
    expect(clock.overUs(at(1), 2_000)).toBeLessThan(at(3.1));
  });

  it('does not count the time of a leader that has not noticed its successor', () => {
    const clock = new LeaseClock(0, [led(0, 20), led(2)]);
    expect(clock.overUs(at(1), 2_000)).toBe(at(4));
  });

  it('may end by an entry that a deposed leader wrote and that a leader after the next one commits', () => {
    const clock = new LeaseClock(0, [led(0, 20), led(2, 2.5), led(10)]);
    expect(clock.overUs(at(1), 2_000)).toBe(at(3));
  });

  it('does not run while everything is stopped', () => {
    const clock = new LeaseClock(0, [led(0)], [{ fromUs: at(2), toUs: at(3_602) }]);
    expect(clock.overUs(at(1), 2_000)).toBe(at(3_603));
    expect(clock.overUs(at(3_600), 2_000)).toBe(at(3_604));
  });
});
