import { describe, expect, it } from 'vitest';
import { StateCode } from '../../src/protocol/job-state.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { TestQueue } from './harness.ts';

const DONE = { ok: true, type: 'done' };
const REMOVED = { ok: true, type: 'removed', customId: '' };
const WRONG_STATE = { ok: false, code: 'JOB_STATE' };
const UNKNOWN = { ok: false, code: 'JOB_NOT_FOUND' };

const promote = (queue: TestQueue, jobId: number, name = 'q') => queue.do((to) => to.command('promote', { queue: name, jobId }));
const clean = (queue: TestQueue, jobId: number, state: number, graceMs = 0, name = 'q') =>
  queue.do((to) => to.command('clean', { queue: name, jobId, state, graceMs }));
const countsOf = (queue: TestQueue) => queue.do((to) => to.command('counts', { queue: 'q' }));

describe('a job that is promoted', () => {
  it('waits now, at the place that its id gives it, and its delay is over', () => {
    const queue = new TestQueue();
    queue.add('delayed', { delayMs: 1_000 });
    queue.add('waits');
    expect(promote(queue, 1)).toEqual(DONE);
    expect(queue.machine.nextWallDueMs).toBe(Number.POSITIVE_INFINITY);
    queue.pass(2_000);
    expect(countsOf(queue)).toMatchObject({ counts: { delayed: 0, waiting: 2, active: 0 } });
    expect(queue.claim(9).map(({ id }) => id)).toEqual([1, 2]);
  });

  it('wakes the claims that wait for its queue', () => {
    const queue = new TestQueue();
    queue.add('delayed', { delayMs: 1_000 });
    queue.filled = [];
    promote(queue, 1);
    expect(queue.filled).toEqual(['q']);
  });

  it('must be delayed, and of this queue', () => {
    const queue = new TestQueue();
    queue.add('waits');
    queue.add('delayed', { delayMs: 1_000 });
    expect(promote(queue, 1)).toMatchObject(WRONG_STATE);
    expect(promote(queue, 2, 'other')).toMatchObject(UNKNOWN);
    expect(promote(queue, 9)).toMatchObject(UNKNOWN);
    expect(promote(queue, 2)).toEqual(DONE);
    expect(promote(queue, 2)).toMatchObject(WRONG_STATE);
  });

  it('waits after a restart', () => {
    const queue = new TestQueue();
    queue.add('delayed', { delayMs: 1_000 });
    queue.checkpoint();
    promote(queue, 1);
    queue.checkpoint();
    const before = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    expect(queue.claim()).toHaveLength(1);
  });
});

describe('a job that is cleaned', () => {
  it('is removed in the state that is named, and in no other', () => {
    const queue = new TestQueue();
    queue.add('waits');
    queue.add('delayed', { delayMs: 1_000 });
    expect(clean(queue, 1, StateCode.delayed)).toMatchObject(WRONG_STATE);
    expect(clean(queue, 2, StateCode.waiting)).toMatchObject(WRONG_STATE);
    expect(clean(queue, 1, StateCode.waiting)).toEqual(REMOVED);
    expect(clean(queue, 2, StateCode.delayed)).toEqual(REMOVED);
    expect(clean(queue, 2, StateCode.delayed)).toMatchObject(UNKNOWN);
    expect(queue.machine.queueNames()).toEqual([]);
    expect(queue.machine.nextWallDueMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('is named by the id that its client chose, if it did', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { customId: 'order-17' });
    const replies = queue.apply(
      queue.request((to) => to.command('clean', { queue: 'q', jobId: id, state: StateCode.waiting, graceMs: 0 })),
    );
    expect(replies.map((reply) => decodeReply(reply).results)).toEqual([[{ ...REMOVED, customId: 'order-17' }]]);
    expect(queue.add('again', { customId: 'order-17' })).toBe(id + 1);
  });

  it('is never one that a worker has', () => {
    const queue = new TestQueue();
    queue.add('x');
    queue.claimOne();
    expect(clean(queue, 1, StateCode.active)).toMatchObject(WRONG_STATE);
    expect(countsOf(queue)).toMatchObject({ counts: { active: 1 } });
  });

  it('was added long enough ago, or finished if it is', () => {
    const queue = new TestQueue();
    queue.add('x');
    queue.add('y');
    queue.pass(100);
    expect(clean(queue, 2, StateCode.waiting, 101)).toMatchObject(WRONG_STATE);
    const { id, token } = queue.claimOne();
    queue.do((to) => to.complete(id, token, new Uint8Array(0)));
    expect(clean(queue, id, StateCode.completed, 1)).toMatchObject(WRONG_STATE);
    queue.pass(50);
    expect(clean(queue, id, StateCode.completed, 51)).toMatchObject(WRONG_STATE);
    expect(clean(queue, id, StateCode.completed, 50)).toEqual(REMOVED);
    expect(clean(queue, 2, StateCode.waiting, 150)).toEqual(REMOVED);
  });

  it('has any age without a grace period, also when the wall clock of a later leader is behind', () => {
    const queue = new TestQueue();
    queue.add('x');
    queue.wallStepMs = -5_000;
    expect(clean(queue, 1, StateCode.waiting, 1)).toMatchObject(WRONG_STATE);
    expect(clean(queue, 1, StateCode.waiting)).toEqual(REMOVED);
  });

  it('counts from its add again once it is retried', () => {
    const queue = new TestQueue();
    queue.add('x', { attemptsMax: 1 });
    const { id, token } = queue.claimOne();
    queue.pass(100);
    queue.do((to) => to.command('fail', { jobId: id, token, reason: 'why', retry: true }));
    queue.do((to) => to.command('retry', { queue: 'q', jobId: id }));
    expect(clean(queue, id, StateCode.waiting, 100)).toEqual(REMOVED);
  });

  it('must name a state whose jobs can be listed', () => {
    const queue = new TestQueue();
    queue.add('x');
    expect(clean(queue, 1, 0)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(clean(queue, 1, 6)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });
});

describe('a state machine of version 5', () => {
  it('knows neither, on every replica', () => {
    const queue = new TestQueue(8_192, 5);
    queue.add('x', { delayMs: 10 });
    expect(promote(queue, 1)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(clean(queue, 1, StateCode.delayed)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    queue.version = 6;
    expect(promote(queue, 1)).toEqual(DONE);
  });
});
