import { describe, expect, it } from 'vitest';
import { SCHEDULER_PAYLOAD_BYTES_MAX } from '../../src/protocol/limits.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { NO_OFFSET, NO_TICK, type SchedulerDetail } from '../../src/protocol/scheduler.ts';
import { validateRequest } from '../../src/protocol/validate-request.ts';
import { bytesOf, options, START_MS, TestQueue, textOf } from './harness.ts';

const SECOND = 1_000;

interface Set {
  readonly scheduler?: string;
  readonly everyMs?: number;
  readonly offsetMs?: number;
  readonly pattern?: string;
  readonly tz?: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly ticksMax?: number;
  readonly isImmediate?: boolean;
}

/** Every second, without an end. */
const aScheduler = (changed: Set = {}) => ({
  ...{ scheduler: 's', everyMs: SECOND, offsetMs: NO_OFFSET, pattern: '', tz: '', startMs: 0, endMs: 0, ticksMax: 0, isImmediate: false },
  ...changed,
});
const byPattern = (changed: Set = {}) => aScheduler({ everyMs: 0, pattern: '0 * * * *', ...changed });

const upsert = (queue: TestQueue, changed: Set = {}, payload = 'tick', more: Parameters<typeof options>[0] = {}) =>
  queue.do((to: RequestEncoder) => to.upsertScheduler('q', aScheduler(changed), bytesOf(payload), options(more)));

function schedulerOf(queue: TestQueue, scheduler = 's'): SchedulerDetail | undefined {
  const [result] = queue.read((to) => to.command('getScheduler', { queue: 'q', scheduler }));
  return result?.ok && result.type === 'scheduler' ? result : undefined;
}

const faultOf = (request: Uint8Array): string | undefined =>
  validateRequest(request, { payloadBytesMax: 1_000_000 }, MACHINE_VERSION)?.message;

const waiting = (queue: TestQueue): number => queue.machine.counts('q').waiting;

/** Claims all jobs. @returns the times for which they were scheduled, and their numbers. */
function ticksOf(queue: TestQueue): (readonly [number, number | undefined])[] {
  return queue.claim(100).map(({ tick }) => [(tick?.scheduledMs ?? 0) - START_MS, tick?.tick]);
}

describe('a job scheduler with every', () => {
  it('adds one job at once, and then one each interval', () => {
    const queue = new TestQueue();
    upsert(queue);
    expect(queue.machine.nextWallDueMs).toBe(START_MS);
    queue.pass(0);
    expect(waiting(queue)).toBe(1);
    queue.pass(999);
    expect(waiting(queue)).toBe(1);
    queue.pass(1);
    queue.pass(SECOND);
    expect(ticksOf(queue)).toEqual([
      [0, 1],
      [1_000, 2],
      [2_000, 3],
    ]);
  });

  it('gives its jobs its payload, priority and policy, and says which tick added them', () => {
    const queue = new TestQueue();
    upsert(queue, {}, 'template', { priority: 5, attemptsMax: 7 });
    queue.pass(30);
    const [job] = queue.claim();
    expect(textOf(job?.payload)).toBe('template');
    expect(job).toMatchObject({ attemptsMax: 7, addedMs: START_MS + 30, tick: { scheduler: 's', tick: 1, scheduledMs: START_MS } });
    expect(queue.job(job?.id ?? 0)).toMatchObject({ priority: 5, tick: { scheduler: 's', tick: 1, scheduledMs: START_MS } });
  });

  it('adds one job for all ticks that were missed, and keeps its rhythm', () => {
    const queue = new TestQueue();
    upsert(queue);
    queue.pass(0);
    queue.pass(5_300);
    queue.pass(700);
    expect(ticksOf(queue)).toEqual([
      [0, 1],
      [1_000, 2],
      [6_000, 3],
    ]);
  });

  it('adds none twice when the wall clock goes back', () => {
    const queue = new TestQueue();
    upsert(queue);
    queue.pass(0);
    queue.pass(SECOND);
    queue.wallStepMs = -10_000;
    queue.pass(SECOND);
    queue.pass(8_000);
    expect(waiting(queue)).toBe(2);
    queue.pass(2_000);
    expect(ticksOf(queue).at(-1)).toEqual([2_000, 3]);
  });

  it('ticks at multiples of the interval plus its offset', () => {
    const queue = new TestQueue();
    queue.nowMs += 100;
    upsert(queue, { offsetMs: 250 });
    queue.pass(150);
    queue.pass(SECOND);
    expect(ticksOf(queue)).toEqual([
      [250, 1],
      [1_250, 2],
    ]);
  });

  it('ticks at once before the times of its offset, if it is immediate', () => {
    const queue = new TestQueue();
    queue.nowMs += 300;
    upsert(queue, { offsetMs: 250, isImmediate: true });
    queue.pass(0);
    queue.pass(950);
    expect(ticksOf(queue)).toEqual([
      [300, 1],
      [1_250, 2],
    ]);
  });

  it('begins at its start and ends behind its end', () => {
    const queue = new TestQueue();
    upsert(queue, { startMs: START_MS + 5_000, endMs: START_MS + 7_000 });
    for (let passed = 0; passed < 20; passed += 1) queue.pass(500);
    expect(ticksOf(queue).map(([ms]) => ms)).toEqual([5_000, 6_000, 7_000]);
    expect(schedulerOf(queue)).toBeUndefined();
  });

  it('is gone after the number of ticks of its limit', () => {
    const queue = new TestQueue();
    upsert(queue, { ticksMax: 2 });
    for (let passed = 0; passed < 9; passed += 1) queue.pass(SECOND);
    expect(ticksOf(queue).map(([, tick]) => tick)).toEqual([1, 2]);
    expect(schedulerOf(queue)).toBeUndefined();
  });

  it('ticks at once also if the clock of the leader shows the beginning of time', () => {
    const queue = new TestQueue();
    queue.wallStepMs = -START_MS;
    upsert(queue);
    queue.pass(1);
    expect(waiting(queue)).toBe(1);
  });

  it('ticks while its queue is paused', () => {
    const queue = new TestQueue();
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: true }));
    upsert(queue);
    queue.pass(0);
    queue.pass(SECOND);
    expect(waiting(queue)).toBe(2);
  });

  it('processes a bounded number of ticks in one entry', () => {
    const queue = new TestQueue(8_192, MACHINE_VERSION, { duePerEntryMax: 4 });
    for (let number = 0; number < 10; number += 1) upsert(queue, { scheduler: `s${number}`, startMs: START_MS + 5 });
    queue.nowMs += 5;
    queue.pass(0);
    expect(waiting(queue)).toBe(4);
    queue.pass(0);
    queue.pass(0);
    expect(waiting(queue)).toBe(10);
  });
});

describe('a job scheduler that is set again', () => {
  it('goes on with its ticks, and takes the new template and limit', () => {
    const queue = new TestQueue();
    upsert(queue);
    queue.pass(400);
    upsert(queue, { ticksMax: 1 }, 'new');
    queue.pass(100);
    expect(waiting(queue)).toBe(1);
    queue.pass(500);
    expect(queue.claim(9).map(({ payload, tick }) => [textOf(payload), tick?.tick])).toEqual([
      ['tick', 1],
      ['new', 1],
    ]);
    expect(schedulerOf(queue)).toBeUndefined();
  });

  it('begins at once with another interval', () => {
    const queue = new TestQueue();
    upsert(queue);
    queue.pass(400);
    upsert(queue, { everyMs: 5_000 });
    queue.pass(0);
    expect(waiting(queue)).toBe(2);
    expect(schedulerOf(queue)).toMatchObject({ nextMs: START_MS + 5_400, ticks: 1 });
  });

  it('waits for its new start', () => {
    const queue = new TestQueue();
    upsert(queue);
    queue.pass(0);
    upsert(queue, { startMs: START_MS + 60_000 });
    queue.pass(10_000);
    expect(waiting(queue)).toBe(1);
    expect(schedulerOf(queue)).toMatchObject({ nextMs: START_MS + 60_000 });
  });

  it('is removed by an end in the past', () => {
    const queue = new TestQueue();
    upsert(queue);
    queue.nowMs += 10_000;
    expect(upsert(queue, { everyMs: 3, endMs: START_MS })).toMatchObject({ ok: true });
    expect(schedulerOf(queue)).toBeUndefined();
  });
});

describe('a job scheduler with a pattern', () => {
  const next = (queue: TestQueue, schedulerNumber: number, afterMs: number, nextMs: number) =>
    queue.do((to) => to.command('advanceScheduler', { schedulerNumber, afterMs, nextMs }));

  it('ticks at the time that the leader computed, and then waits for the next one', () => {
    const queue = new TestQueue();
    upsert(queue, byPattern());
    expect([...queue.machine.schedulers.toAdvance()]).toEqual([
      { number: 2, what: '"s" of queue "q"', pattern: '0 * * * *', tz: '', afterMs: START_MS },
    ]);
    expect(schedulerOf(queue)).toMatchObject({ nextMs: NO_TICK });
    next(queue, 2, START_MS, START_MS + 700);
    expect([...queue.machine.schedulers.toAdvance()]).toEqual([]);
    queue.pass(699);
    expect(waiting(queue)).toBe(0);
    queue.pass(51);
    expect(ticksOf(queue)).toEqual([[700, 1]]);
    expect([...queue.machine.schedulers.toAdvance()]).toMatchObject([{ afterMs: START_MS + 750 }]);
  });

  it('ignores a computed time that comes twice, too late, or is not after its last tick', () => {
    const queue = new TestQueue();
    upsert(queue, byPattern());
    next(queue, 2, START_MS, START_MS + 700);
    next(queue, 2, START_MS, START_MS + 900);
    expect(schedulerOf(queue)).toMatchObject({ nextMs: START_MS + 700 });
    queue.pass(700);
    next(queue, 2, START_MS, START_MS + 800);
    next(queue, 2, START_MS + 700, START_MS + 700);
    next(queue, 3, START_MS + 700, START_MS + 800);
    expect(schedulerOf(queue)).toMatchObject({ nextMs: NO_TICK, ticks: 1 });
    upsert(queue, byPattern({ pattern: '1 * * * *' }));
    next(queue, 2, START_MS + 700, START_MS + 800);
    expect(schedulerOf(queue)).toMatchObject({ nextMs: NO_TICK });
  });

  it('is removed when it has no other time, or it is behind its end', () => {
    const queue = new TestQueue();
    upsert(queue, byPattern());
    next(queue, 2, START_MS, NO_TICK);
    expect(schedulerOf(queue)).toBeUndefined();
    upsert(queue, byPattern({ endMs: START_MS + 500 }));
    next(queue, 4, START_MS, START_MS + 700);
    expect(schedulerOf(queue)).toBeUndefined();
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('ticks at once if it is immediate', () => {
    const queue = new TestQueue();
    upsert(queue, byPattern({ isImmediate: true }));
    queue.pass(0);
    expect(ticksOf(queue)).toEqual([[0, 1]]);
  });

  it('keeps its next tick when it is set again', () => {
    const queue = new TestQueue();
    upsert(queue, byPattern());
    next(queue, 2, START_MS, START_MS + 700);
    upsert(queue, byPattern(), 'new');
    expect(schedulerOf(queue)).toMatchObject({ nextMs: START_MS + 700 });
    expect([...queue.machine.schedulers.toAdvance()]).toEqual([]);
  });
});

describe('the job schedulers of a queue', () => {
  it('are listed in the order of their next ticks, those that wait for theirs last', () => {
    const queue = new TestQueue();
    upsert(queue, { scheduler: 'b', startMs: START_MS + 20 });
    upsert(queue, byPattern({ scheduler: 'z' }));
    upsert(queue, { scheduler: 'a', startMs: START_MS + 30 });
    upsert(queue, { scheduler: 'c', startMs: START_MS + 10 });
    const list = (isDescending: boolean, start: number, countMax: number) =>
      queue.read((to) => to.command('schedulerIds', { queue: 'q', isDescending, start, countMax }))[0];
    expect(list(false, 0, 100)).toMatchObject({ total: 4, schedulers: ['c', 'b', 'a', 'z'] });
    expect(list(true, 1, 2)).toMatchObject({ total: 4, schedulers: ['a', 'b'] });
  });

  it('keep the queue without jobs, until the last one is removed', () => {
    const queue = new TestQueue();
    upsert(queue, { startMs: START_MS + 60_000 });
    expect(queue.machine.queueNames()).toEqual(['q']);
    const remove = () => queue.do((to) => to.command('removeScheduler', { queue: 'q', scheduler: 's' }));
    expect(remove()).toMatchObject({ ok: true });
    expect(remove()).toMatchObject({ ok: false, code: 'SCHEDULER_NOT_FOUND' });
    expect(queue.machine.queueNames()).toEqual([]);
    expect(queue.machine.nextWallDueMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('are not found without the job of the operation before in the error', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const [, gone] = queue.send((to) => {
      to.command('promote', { queue: 'q', jobId: id });
      to.command('removeScheduler', { queue: 'q', scheduler: 'gone' });
    });
    expect(gone).toMatchObject({ code: 'SCHEDULER_NOT_FOUND', job: undefined, state: undefined });
  });

  it('leave their jobs when they are removed', () => {
    const queue = new TestQueue();
    upsert(queue);
    queue.pass(0);
    queue.do((to) => to.command('removeScheduler', { queue: 'q', scheduler: 's' }));
    queue.pass(5_000);
    expect(queue.claim(9).map(({ payload }) => textOf(payload))).toEqual(['tick']);
  });

  it('are bounded in number, in their queue and in all, and in bytes', () => {
    const queue = new TestQueue(8_192, MACHINE_VERSION, { schedulersPerQueueMax: 2, schedulersMax: 3, schedulersBytesMax: 10 });
    expect(upsert(queue, { scheduler: 'a' }, '1234')).toMatchObject({ ok: true });
    expect(upsert(queue, { scheduler: 'b' }, '1234567')).toMatchObject({ ok: false, code: 'SCHEDULER_LIMIT' });
    expect(upsert(queue, { scheduler: 'a' }, '1234567890')).toMatchObject({ ok: true });
    expect(upsert(queue, { scheduler: 'b' }, '')).toMatchObject({ ok: true });
    expect(upsert(queue, { scheduler: 'c' }, '')).toMatchObject({ ok: false, code: 'SCHEDULER_LIMIT' });
    const inOther = (name: string) => queue.do((to) => to.upsertScheduler(name, aScheduler(), bytesOf(''), options()));
    expect(inOther('other')).toMatchObject({ ok: true });
    expect(inOther('third')).toMatchObject({ ok: false, code: 'SCHEDULER_LIMIT' });
    expect(queue.machine.queueNames()).toEqual(['q', 'other']);
  });

  it('survive a checkpoint, a restart and a snapshot with their ticks and their jobs', () => {
    const steady = new TestQueue();
    const restarted = new TestQueue();
    for (const queue of [steady, restarted]) {
      upsert(queue, { ticksMax: 5 });
      upsert(queue, byPattern({ scheduler: 'p' }));
      upsert(queue, { scheduler: 'gone' });
      queue.pass(0);
    }
    restarted.checkpoint();
    restarted.restart();
    expect(restarted.machine.digest()).toBe(steady.machine.digest());
    expect([...restarted.machine.schedulers.toAdvance()]).toEqual([...steady.machine.schedulers.toAdvance()]);
    for (const queue of [steady, restarted]) {
      queue.do((to) => to.command('removeScheduler', { queue: 'q', scheduler: 'gone' }));
      queue.pass(2_000);
    }
    restarted.checkpoint();
    restarted.restart();
    expect(restarted.machine.digest()).toBe(steady.machine.digest());
    const jobs = restarted.claim(9);
    expect(jobs.map(({ payload }) => textOf(payload))).toEqual(['tick', 'tick', 'tick']);
    expect(jobs.map(({ tick }) => [tick?.scheduler, tick?.tick])).toEqual([
      ['s', 1],
      ['gone', 1],
      ['s', 2],
    ]);
  });
});

describe('a request that sets a job scheduler', () => {
  it.each([
    ['both every and a pattern', { pattern: '* * * * *' }, 'Use one of them'],
    ['neither', { everyMs: 0 }, 'Use one of them'],
    ['a time zone without a pattern', { tz: 'Europe/Berlin' }, 'needs a pattern'],
    ['an offset with a pattern', { everyMs: 0, pattern: '* * * * *', offsetMs: 5 }, 'needs every'],
    ['an interval that is no whole number', { everyMs: 0.5 }, 'whole milliseconds'],
    ['no id', { scheduler: '' }, 'id of a job scheduler'],
  ])('is rejected before the log with %s', (_, changed: Set, message) => {
    const queue = new TestQueue();
    const request = queue.request((to) => to.upsertScheduler('q', aScheduler(changed), bytesOf(''), options()));
    expect(faultOf(request)).toContain(message);
  });

  it('is rejected with a large payload', () => {
    const queue = new TestQueue();
    const payload = new Uint8Array(SCHEDULER_PAYLOAD_BYTES_MAX + 1);
    const request = queue.request((to) => to.upsertScheduler('q', aScheduler(), payload, options()));
    expect(faultOf(request)).toContain('Use at most');
  });

  it('has its effect once when it comes twice', () => {
    const queue = new TestQueue();
    const request = queue.request((to) => to.upsertScheduler('q', aScheduler({ ticksMax: 1 }), bytesOf('tick'), options()));
    queue.apply(request);
    queue.pass(0);
    queue.apply(request);
    queue.pass(5_000);
    expect(queue.claim(9)).toHaveLength(1);
  });
});
