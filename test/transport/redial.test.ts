import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HandshakeError } from '../../src/base/errors.ts';
import { Redial } from '../../src/transport/redial.ts';

function aRedial() {
  const attempts: number[] = [];
  const events: string[] = [];
  const redial = new Redial({
    open: (attempt) => attempts.push(attempt),
    cancel: () => events.push('cancel'),
    onRejected: ({ message }) => events.push(message),
    onLost: () => events.push('lost'),
    random: () => 0,
  });
  redial.open();
  const latest = (): number => attempts.at(-1) ?? 0;
  return { redial, attempts, events, latest };
}

describe('a channel that is kept open', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is opened again after pauses that double up to a second', () => {
    const { redial, attempts, latest } = aRedial();
    const pauses: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      const count = attempts.length;
      redial.onClosed(latest());
      let pauseMs = 0;
      for (; attempts.length === count; pauseMs += 1) vi.advanceTimersByTime(1);
      pauses.push(pauseMs);
    }
    expect(pauses).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
  });

  it('reports a rejection that lasts, once for each reason, until it was open', () => {
    const { redial, events, latest } = aRedial();
    const reject = (times: number, reason: string): void => {
      for (let n = 0; n < times; n += 1) {
        redial.onClosed(latest(), new HandshakeError(reason));
        vi.advanceTimersByTime(2_000);
      }
    };
    const reported = (): string[] => events.filter((event) => event !== 'cancel' && event !== 'lost');
    reject(7, 'This is node 2.');
    expect(reported()).toEqual([]);
    reject(10, 'This is node 2.');
    expect(reported()).toEqual(['This is node 2.']);
    reject(3, 'The node stops.');
    expect(reported()).toEqual(['This is node 2.', 'The node stops.']);
    redial.onOpened(latest());
    reject(7, 'This is node 2.');
    expect(reported()).toHaveLength(2);
    reject(1, 'This is node 2.');
    expect(reported()).toHaveLength(3);
  });

  it('begins with the shortest pause again once it was open', () => {
    const { redial, attempts, events, latest } = aRedial();
    for (let n = 0; n < 5; n += 1) {
      redial.onClosed(latest());
      vi.advanceTimersByTime(1_000);
    }
    redial.onOpened(latest());
    expect(redial.closedSinceMs).toBeUndefined();
    redial.onClosed(latest());
    expect(events.at(-1)).toBe('lost');
    const count = attempts.length;
    vi.advanceTimersByTime(20);
    expect(attempts).toHaveLength(count + 1);
  });

  it('is opened at once when the other side is known to run, and an attempt in progress goes on', () => {
    const { redial, attempts, latest } = aRedial();
    redial.hurry();
    expect(attempts).toHaveLength(1);
    redial.onClosed(latest());
    redial.hurry();
    redial.hurry();
    expect(attempts).toHaveLength(2);
    vi.advanceTimersByTime(4_000);
    expect(attempts).toHaveLength(2);
  });

  it('gives up an attempt that takes too long', () => {
    const { attempts, events } = aRedial();
    vi.advanceTimersByTime(5_000);
    expect(events).toEqual(['cancel']);
    vi.advanceTimersByTime(20);
    expect(attempts).toHaveLength(2);
  });

  it('ignores what belongs to an earlier attempt, and reports a lost channel once', () => {
    const { redial, events, latest } = aRedial();
    const first = latest();
    redial.onOpened(first);
    redial.onClosed(first);
    redial.onClosed(first);
    vi.advanceTimersByTime(20);
    redial.onOpened(first);
    expect(redial.isOpen).toBe(false);
    expect(events.filter((event) => event === 'lost')).toHaveLength(1);
  });

  it('keeps the reason of a rejection until it is open', () => {
    const { redial, latest } = aRedial();
    redial.onClosed(latest(), new HandshakeError('No.'));
    vi.advanceTimersByTime(20);
    redial.onClosed(latest(), new Error('unreachable'));
    expect(redial.rejection?.message).toBe('No.');
    vi.advanceTimersByTime(40);
    redial.onOpened(latest());
    expect(redial.rejection).toBeUndefined();
  });

  it('is not opened again once it is disposed', () => {
    const { redial, attempts, latest } = aRedial();
    redial[Symbol.dispose]();
    redial.onClosed(latest());
    redial.hurry();
    vi.advanceTimersByTime(60_000);
    expect(attempts).toHaveLength(1);
  });
});
