import { describe, expect, it } from 'vitest';
import { KEEP_TIME_VERSION } from '../../src/protocol/machine-version.ts';
import { bytesOf, options, START_MS, TestQueue } from './harness.ts';

const complete = (queue: TestQueue) => {
  const { id, token } = queue.claimOne();
  queue.do((to) => to.complete(id, token, bytesOf('')));
  return id;
};

const failForGood = (queue: TestQueue) => {
  const { id, token } = queue.claimOne();
  queue.do((to) => to.command('fail', { jobId: id, token, reason: 'no', retry: false }));
  return id;
};

describe('a finished job that is kept for a time', () => {
  it.each([
    ['completed', complete, { keepCompletedMs: 50 }],
    ['failed', failForGood, { keepFailedMs: 50 }],
  ])('is removed when its time is over, by wall time: a %s one', (_, finish, kept) => {
    const queue = new TestQueue();
    queue.add('a', kept);
    queue.pass(5);
    const id = finish(queue);
    expect(queue.machine.nextWallDueMs).toBe(START_MS + 55);
    queue.pass(49);
    expect(queue.job(id)).toBeDefined();
    queue.pass(1);
    expect(queue.job(id)).toBeUndefined();
    expect(queue.machine.queueNames()).toEqual([]);
    expect(queue.machine.nextWallDueMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('is removed by its own time, whatever those of other jobs are, and by the number that is kept before', () => {
    const queue = new TestQueue();
    for (const keepCompletedMs of [90, 30, 60]) queue.add('a', { keepCompletedMs });
    for (let finished = 0; finished < 3; finished += 1) complete(queue);
    queue.pass(30);
    expect([1, 2, 3].map((id) => queue.job(id) !== undefined)).toEqual([true, false, true]);
    queue.add('b', { keepCompleted: 1, keepCompletedMs: 1_000 });
    complete(queue);
    expect([1, 3, 4].map((id) => queue.job(id) !== undefined)).toEqual([false, false, true]);
  });

  it('stays after a restart for the rest of its time, also under a leader whose clock is behind', () => {
    const queue = new TestQueue();
    queue.add('a', { keepCompletedMs: 50 });
    complete(queue);
    queue.restart();
    queue.wallStepMs = -40;
    queue.pass(60);
    expect(queue.job(1)?.state).toBe('completed');
    queue.wallStepMs = 0;
    queue.pass(0);
    expect(queue.job(1)).toBeUndefined();
  });

  it('has no time while it is tried again, and can be removed before', () => {
    const queue = new TestQueue();
    queue.add('a', { keepFailedMs: 50 });
    failForGood(queue);
    queue.do((to) => to.command('retry', { queue: 'q', jobId: 1 }));
    queue.pass(60);
    expect(queue.job(1)?.state).toBe('waiting');
    failForGood(queue);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 1 }));
    queue.pass(60);
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('keeps a deduplication id that has an end', () => {
    const queue = new TestQueue();
    const deduplication = { id: 'd', ttlMs: 90, isExtending: false, isReplacing: false, keepsLast: false };
    queue.add('a', { keepCompletedMs: 50, deduplication });
    complete(queue);
    queue.pass(60);
    expect(queue.job(1)).toBeUndefined();
    expect(queue.do((to) => to.add('q', bytesOf('b'), options({ deduplication })))).toMatchObject({ type: 'deduplicated', id: 1 });
  });

  it('may stay for some entries if more are over than one entry removes', () => {
    const queue = new TestQueue(8_192, KEEP_TIME_VERSION, { duePerEntryMax: 2 });
    for (let added = 0; added < 5; added += 1) queue.add('a', { keepCompletedMs: 50 });
    for (let finished = 0; finished < 5; finished += 1) complete(queue);
    queue.pass(50);
    expect(queue.machine.counts('q').completed).toBe(3);
    queue.pass(0);
    queue.pass(0);
    expect(queue.machine.counts('q').completed).toBe(0);
  });

  it('is of a version that earlier machines do not have', () => {
    const queue = new TestQueue(8_192, KEEP_TIME_VERSION - 1);
    const result = queue.do((to) => to.add('q', bytesOf('a'), options({ keepCompletedMs: 50 })));
    expect(result).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });
});
