import { describe, expect, it } from 'vitest';
import { decodeReply } from '../../src/protocol/reply.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { NO_OFFSET } from '../../src/protocol/scheduler.ts';
import { PatternCheck } from '../../src/queue/requests/pattern-check.ts';
import { PatternTicks } from '../../src/queue/requests/pattern-ticks.ts';
import type { PatternTimes } from '../../src/queue/requests/pattern-times.ts';
import { bytesOf, options, START_MS, TestQueue } from './harness.ts';

const TIMES = { everyMs: 0, offsetMs: NO_OFFSET, tz: '', startMs: 0, endMs: 0, ticksMax: 0, isImmediate: false };

/** The multiples of a number of milliseconds; a pattern that is no number fails. */
class CountedTimes implements PatternTimes {
  calls = 0;

  next(pattern: string, _tz: string, afterMs: number): number | undefined {
    this.calls += 1;
    const everyMs = Number(pattern);
    if (Number.isNaN(everyMs)) throw new Error('no such zone');
    return everyMs === 0 ? undefined : (Math.floor(afterMs / everyMs) + 1) * everyMs;
  }
}

function aLeader(patterns: readonly string[]) {
  const queue = new TestQueue();
  const times = new CountedTimes();
  for (const [at, pattern] of patterns.entries())
    queue.do((to) => to.upsertScheduler('q', { ...TIMES, scheduler: `s${at}`, pattern }, bytesOf(''), options()));
  return { queue, times, ticks: new PatternTicks(queue.machine, times) };
}

/** Applies the leader's own requests. @returns how many there were. */
function apply(queue: TestQueue, requests: readonly Uint8Array[]): number {
  if (requests.length > 0) queue.apply(...requests);
  return requests.length;
}

function nextOf(queue: TestQueue, scheduler: string): number | undefined {
  const [result] = queue.read((to) => to.command('getScheduler', { queue: 'q', scheduler }));
  return result?.ok && result.type === 'scheduler' ? result.nextMs : undefined;
}

describe('the leader', () => {
  it('computes the next tick of each pattern once, and again after each tick', () => {
    const { queue, times, ticks } = aLeader(['1000']);
    expect(ticks.isDue(0)).toBe(true);
    expect(apply(queue, ticks.take(0))).toBe(1);
    expect(nextOf(queue, 's0')).toBe(START_MS + 1_000);
    expect(ticks.isDue(0)).toBe(false);
    queue.pass(1_000);
    expect(ticks.isDue(0)).toBe(true);
    expect(apply(queue, ticks.take(0))).toBe(1);
    expect(nextOf(queue, 's0')).toBe(START_MS + 2_000);
    expect(times.calls).toBe(2);
  });

  it('sends a time again that was lost, after a second', () => {
    const { queue, ticks } = aLeader(['1000']);
    expect(ticks.take(0)).toHaveLength(1);
    expect(ticks.isDue(999)).toBe(false);
    expect(ticks.isDue(1_000)).toBe(true);
    expect(apply(queue, ticks.take(1_000))).toBe(1);
    expect(nextOf(queue, 's0')).toBe(START_MS + 1_000);
  });

  it('computes a bounded number of times in one turn', () => {
    const { queue, times, ticks } = aLeader(Array.from({ length: 70 }, () => '999983'));
    apply(queue, ticks.take(0));
    expect(times.calls).toBe(50);
    expect(ticks.isDue(0)).toBe(true);
    apply(queue, ticks.take(0));
    expect(times.calls).toBe(70);
    expect(ticks.isDue(0)).toBe(false);
  });

  it('says once what it cannot compute, tries again after a minute, and goes on with the others', () => {
    const { queue, times, ticks } = aLeader(['Mars', 'Venus', '1000']);
    apply(queue, ticks.take(0));
    expect(nextOf(queue, 's2')).toBe(START_MS + 1_000);
    expect(ticks.takeFault()).toBe('job scheduler "s0" of queue "q" has no next tick of "Mars": no such zone');
    expect(ticks.takeFault()).toBeUndefined();
    expect(ticks.take(30_000)).toEqual([]);
    expect(times.calls).toBe(3);
    queue.pass(1_000);
    apply(queue, ticks.take(30_000));
    expect(times.calls).toBe(4);
    expect(ticks.take(59_999)).toEqual([]);
    expect(ticks.isDue(60_000)).toBe(true);
    apply(queue, ticks.take(60_000));
    expect(times.calls).toBe(6);
    expect([...queue.machine.schedulers.toAdvance()]).toHaveLength(2);
  });

  it('ends a job scheduler whose pattern has no other time', () => {
    const { queue, ticks } = aLeader(['0']);
    apply(queue, ticks.take(0));
    expect(nextOf(queue, 's0')).toBeUndefined();
  });

  it('computes the next ticks of a state that it took over', () => {
    const { queue, times } = aLeader(['1000']);
    queue.restart();
    expect(apply(queue, new PatternTicks(queue.machine, times).take(0))).toBe(1);
    expect(nextOf(queue, 's0')).toBe(START_MS + 1_000);
  });

  it('sends requests that no client can send in a session of its own', () => {
    const { queue } = aLeader(['1000']);
    const encoder = new RequestEncoder();
    encoder.begin(0, 1, 1);
    encoder.upsertScheduler('q', { ...TIMES, scheduler: 'other', pattern: '5' }, bytesOf(''), options());
    queue.apply(encoder.finish());
    expect(nextOf(queue, 'other')).toBeUndefined();
    expect(decodeReply(queue.apply(queue.request((to) => to.command('counts', { queue: 'q' })))[0] as Uint8Array).results).toHaveLength(1);
  });
});

describe('the check of patterns before the log', () => {
  const at = (operation: number, pattern: string) => ({ pattern, tz: '', operation });

  it('names the first operation whose pattern is not valid, or has no time', () => {
    const check = new PatternCheck(new CountedTimes());
    expect(check.faultIn([at(0, '5'), at(1, ''), at(3, 'Mars')])).toMatchObject({ code: 'INVALID_REQUEST', operations: [3] });
    expect(check.faultIn([at(2, '0')])).toMatchObject({ operations: [2], message: expect.stringContaining('has no time') });
    expect(check.faultIn([at(0, '5')])).toBeUndefined();
  });

  it('keeps what is wrong with a pattern, and the patterns of two zones apart', () => {
    const times = new CountedTimes();
    const check = new PatternCheck(times);
    for (let sent = 0; sent < 3; sent += 1) expect(check.faultIn([at(0, '0')])).toMatchObject({ operations: [0] });
    expect(times.calls).toBe(1);
    expect(check.faultIn([{ pattern: '* 5', tz: 'UTC', operation: 0 }])).toMatchObject({ operations: [0] });
    expect(check.faultIn([{ pattern: '5', tz: 'UTC *', operation: 0 }])).toBeUndefined();
    expect(times.calls).toBe(3);
  });

  it('computes each pattern once, and a bounded number of a request, which is then to be sent again', () => {
    const times = new CountedTimes();
    const check = new PatternCheck(times);
    const many = Array.from({ length: 1_001 }, (_, each) => at(each, String(each + 1)));
    expect(check.faultIn(many)).toMatchObject({ code: 'OVERLOADED', operations: [] });
    expect(check.faultIn(many)).toBeUndefined();
    expect(times.calls).toBe(1_001);
  });
});
