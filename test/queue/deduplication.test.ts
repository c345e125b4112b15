import { describe, expect, it } from 'vitest';
import type { Deduplication } from '../../src/protocol/deduplication.ts';
import { StateCode } from '../../src/protocol/job-state.ts';
import { DEDUPLICATION_VERSION } from '../../src/protocol/machine-version.ts';
import type { AddOptions } from '../../src/protocol/request-encoder.ts';
import { RecordKind } from '../../src/queue/record.ts';
import { bytesOf, options, START_MS, TestQueue, textOf } from './harness.ts';

const SIMPLE: Deduplication = { id: 'd', ttlMs: 0, isExtending: false, isReplacing: false, keepsLast: false };
const THROTTLE: Deduplication = { ...SIMPLE, ttlMs: 50 };
const DEBOUNCE: Deduplication = { ...SIMPLE, ttlMs: 50, isExtending: true, isReplacing: true };
const KEEP_LAST: Deduplication = { ...SIMPLE, keepsLast: true };
const LIMITED = { ok: false, code: 'DEDUPLICATION_LIMIT' };

const add = (queue: TestQueue, payload: string, deduplication: Deduplication, changed: Partial<AddOptions> = {}) =>
  queue.do((to) => to.add('q', bytesOf(payload), options({ ...changed, deduplication })));

const added = (id: number) => ({ ok: true, type: 'added', id });
const duplicateOf = (id: number, customId = '') => ({ ok: true, type: 'deduplicated', id, customId });

function holder(queue: TestQueue, deduplicationId = 'd'): number {
  const [result] = queue.read((to) => to.command('getDeduplicationJob', { queue: 'q', deduplicationId }));
  return result?.ok === true && result.type === 'deduplicationJob' ? result.id : -1;
}

const free = (queue: TestQueue, holderJobId = 0, deduplicationId = 'd') =>
  queue.do((to) => to.command('removeDeduplication', { queue: 'q', holderJobId, deduplicationId }));

const finish = (queue: TestQueue) => {
  const { id, token } = queue.claimOne();
  queue.do((to) => to.complete(id, token, bytesOf('')));
};

const failForGood = (queue: TestQueue) => {
  const { id, token } = queue.claimOne();
  queue.do((to) => to.command('fail', { jobId: id, token, reason: 'no', retry: false }));
};

describe('a deduplicated add without a time', () => {
  it.each([
    ['completed', finish],
    ['failed for good', failForGood],
  ])('adds nothing until the job is %s', (_, end) => {
    const queue = new TestQueue();
    expect(add(queue, 'a', SIMPLE)).toEqual(added(1));
    expect(add(queue, 'b', SIMPLE)).toEqual(duplicateOf(1));
    expect(queue.machine.counts('q').waiting).toBe(1);
    expect(textOf(queue.job(1)?.payload)).toBe('a');
    expect(queue.job(1)?.deduplicationId).toBe('d');
    end(queue);
    expect(holder(queue)).toBe(0);
    expect(add(queue, 'c', SIMPLE)).toEqual(added(2));
    expect(queue.job(1)?.deduplicationId).toBe('d');
  });

  it('adds nothing while the job is tried again', () => {
    const queue = new TestQueue();
    add(queue, 'a', SIMPLE, { attemptsMax: 2 });
    const { id, token } = queue.claimOne();
    queue.do((to) => to.command('fail', { jobId: id, token, reason: 'no', retry: true }));
    expect(add(queue, 'b', SIMPLE)).toEqual(duplicateOf(1));
  });

  it('concerns one queue, and one id', () => {
    const queue = new TestQueue();
    add(queue, 'a', SIMPLE);
    expect(add(queue, 'b', { ...SIMPLE, id: 'e' })).toEqual(added(2));
    expect(queue.do((to) => to.add('other', bytesOf('c'), options({ deduplication: SIMPLE })))).toEqual(added(3));
  });

  it('adds a job once the other one was removed, also where that stalled too often or a failed one is tried again', () => {
    const queue = new TestQueue();
    add(queue, 'a', SIMPLE);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 1 }));
    expect(add(queue, 'b', SIMPLE)).toEqual(added(2));
    queue.claimOne(10, { stalledMax: 0 });
    queue.pass(11);
    expect(queue.job(2)?.state).toBe('failed');
    queue.do((to) => to.command('retry', { queue: 'q', jobId: 2 }));
    expect(holder(queue)).toBe(0);
    expect(add(queue, 'c', SIMPLE)).toEqual(added(3));
    finish(queue);
    expect(holder(queue)).toBe(3);
  });

  it('names the id that the client chose for the job, and adds nothing if the queue has a job with its own', () => {
    const queue = new TestQueue();
    add(queue, 'a', SIMPLE, { customId: 'mine' });
    expect(add(queue, 'b', SIMPLE, { customId: 'other' })).toEqual(duplicateOf(1, 'mine'));
    expect(add(queue, 'c', { ...SIMPLE, id: 'e' }, { customId: 'mine' })).toEqual(added(1));
    expect(holder(queue, 'e')).toBe(0);
  });
});

describe('a deduplicated add with a time', () => {
  it('adds nothing for this time of the log, however soon the job ends and is gone', () => {
    const queue = new TestQueue();
    add(queue, 'a', THROTTLE, { keepCompleted: 0 });
    finish(queue);
    expect(queue.job(1)).toBeUndefined();
    queue.wallStepMs = 3_600_000;
    queue.pass(49);
    expect(add(queue, 'b', THROTTLE)).toEqual(duplicateOf(1));
    expect(queue.machine.queueNames()).toEqual(['q']);
    expect(queue.machine.nextLogDueMs).toBe(START_MS + 50);
    queue.pass(1);
    expect(queue.machine.queueNames()).toEqual([]);
    expect(add(queue, 'c', THROTTLE)).toEqual(added(2));
  });

  it('takes an id that is free while its job goes on', () => {
    const queue = new TestQueue();
    add(queue, 'a', THROTTLE);
    queue.pass(50);
    expect(add(queue, 'b', THROTTLE)).toEqual(added(2));
    finish(queue);
    expect(holder(queue)).toBe(2);
  });

  it('begins the time again only with extend', () => {
    const queue = new TestQueue();
    add(queue, 'a', THROTTLE);
    queue.pass(40);
    add(queue, 'b', THROTTLE);
    add(queue, 'c', { ...THROTTLE, isExtending: true });
    queue.pass(49);
    expect(holder(queue)).toBe(1);
    queue.pass(1);
    expect(holder(queue)).toBe(0);
  });

  it('is free at its end even if an entry ends fewer than have ended', () => {
    const queue = new TestQueue(8_192, DEDUPLICATION_VERSION, { duePerEntryMax: 1 });
    for (const id of ['a', 'b', 'c']) add(queue, id, { ...THROTTLE, id });
    queue.pass(60);
    expect(['a', 'b', 'c'].map((id) => holder(queue, id))).toEqual([0, 0, 0]);
    expect(add(queue, 'again', { ...THROTTLE, id: 'c' })).toEqual(added(4));
    for (let entries = 0; entries < 3; entries += 1) queue.pass(0);
    expect(['a', 'b', 'c'].map((id) => holder(queue, id))).toEqual([0, 0, 4]);
  });

  it('is removed with the job by a client, not by the retention', () => {
    const queue = new TestQueue();
    add(queue, 'a', THROTTLE);
    finish(queue);
    queue.do((to) => to.command('clean', { queue: 'q', jobId: 1, state: StateCode.completed, graceMs: 0 }));
    expect(holder(queue)).toBe(0);
    add(queue, 'b', THROTTLE, { keepCompleted: 1 });
    finish(queue);
    add(queue, 'c', { ...SIMPLE, id: 'other' }, { keepCompleted: 1 });
    finish(queue);
    expect(queue.job(2)).toBeUndefined();
    expect(holder(queue)).toBe(2);
  });
});

describe('a deduplicated add with replace', () => {
  it('takes the place of a delayed job', () => {
    const queue = new TestQueue();
    add(queue, 'a', DEBOUNCE, { delayMs: 50 });
    queue.pass(30);
    expect(add(queue, 'b', DEBOUNCE, { delayMs: 50 })).toEqual(added(2));
    expect(queue.job(1)).toBeUndefined();
    queue.pass(30);
    expect(queue.machine.counts('q')).toMatchObject({ delayed: 1, waiting: 0 });
    queue.pass(20);
    expect(queue.machine.counts('q')).toMatchObject({ delayed: 0, waiting: 1 });
    expect(holder(queue)).toBe(0);
  });

  it('keeps the time of the job that it replaces, without extend', () => {
    const queue = new TestQueue();
    const replace = { ...THROTTLE, isReplacing: true };
    add(queue, 'a', replace, { delayMs: 500 });
    queue.pass(30);
    add(queue, 'b', replace, { delayMs: 500 });
    expect(holder(queue)).toBe(2);
    queue.pass(20);
    expect(holder(queue)).toBe(0);
  });

  it('adds nothing while the job waits or is active', () => {
    const queue = new TestQueue();
    add(queue, 'a', DEBOUNCE);
    expect(add(queue, 'b', DEBOUNCE)).toEqual(duplicateOf(1));
    queue.claimOne();
    expect(add(queue, 'c', DEBOUNCE)).toEqual(duplicateOf(1));
  });
});

describe('a deduplicated add that keeps the last', () => {
  it('is added when the active job ends, with its own options; of several the last one', () => {
    const queue = new TestQueue();
    add(queue, 'a', KEEP_LAST);
    const { id, token } = queue.claimOne();
    expect(add(queue, 'b', KEEP_LAST)).toEqual(duplicateOf(1));
    expect(add(queue, 'c', KEEP_LAST, { delayMs: 10, priority: 3, attemptsMax: 7, customId: 'next' })).toEqual(duplicateOf(1));
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 0, delayed: 0, active: 1 });
    queue.restart();
    queue.pass(5);
    queue.do((to) => to.complete(id, token, bytesOf('')));
    const next = queue.job(2);
    expect(next).toMatchObject({ state: 'delayed', priority: 3, attemptsMax: 7, customId: 'next', addedMs: START_MS + 5 });
    expect(next?.dueMs).toBe(START_MS + 15);
    expect(textOf(next?.payload)).toBe('c');
    expect(holder(queue)).toBe(2);
    queue.restart();
    expect(textOf(queue.job(2)?.payload)).toBe('c');
    expect(queue.job(3)).toBeUndefined();
  });

  it('is added after the last attempt, also if that stalls', () => {
    const queue = new TestQueue();
    add(queue, 'a', KEEP_LAST, { attemptsMax: 2 });
    const first = queue.claimOne();
    add(queue, 'b', KEEP_LAST);
    queue.do((to) => to.command('fail', { jobId: 1, token: first.token, reason: 'no', retry: true }));
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 1 });
    expect(add(queue, 'dropped', KEEP_LAST)).toEqual(duplicateOf(1));
    queue.claimOne(10, { stalledMax: 0 });
    queue.pass(11);
    expect(queue.job(1)?.state).toBe('failed');
    expect(textOf(queue.job(2)?.payload)).toBe('b');
  });

  it('is dropped with a job that a client removes', () => {
    const queue = new TestQueue();
    add(queue, 'a', KEEP_LAST);
    const { token } = queue.claimOne();
    add(queue, 'b', KEEP_LAST);
    queue.do((to) => to.command('release', { jobId: 1, token }));
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 1 }));
    expect(queue.machine.queueNames()).toEqual([]);
    expect(add(queue, 'c', KEEP_LAST)).toEqual(added(2));
  });

  it('has no time, and ends that of an active job', () => {
    const queue = new TestQueue();
    add(queue, 'a', THROTTLE);
    const { id, token } = queue.claimOne();
    add(queue, 'b', { ...THROTTLE, keepsLast: true });
    queue.pass(60);
    expect(add(queue, 'c', { ...THROTTLE, keepsLast: true })).toEqual(duplicateOf(1));
    queue.do((to) => to.complete(id, token, bytesOf('')));
    expect(textOf(queue.job(2)?.payload)).toBe('c');
    queue.pass(60);
    expect(holder(queue)).toBe(2);
  });

  it('is a duplicate itself, if another job has taken the id by then', () => {
    const queue = new TestQueue();
    add(queue, 'a', KEEP_LAST);
    const { id, token } = queue.claimOne();
    add(queue, 'b', KEEP_LAST);
    expect(free(queue)).toMatchObject({ isRemoved: true });
    expect(add(queue, 'c', KEEP_LAST)).toEqual(added(2));
    queue.do((to) => to.complete(id, token, bytesOf('')));
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 1, completed: 1 });
    expect(holder(queue)).toBe(2);
  });

  it('never keeps an id that nothing would free', () => {
    const queue = new TestQueue();
    add(queue, 'a', THROTTLE);
    finish(queue);
    add(queue, 'b', { ...THROTTLE, isExtending: true, keepsLast: true });
    queue.pass(50);
    expect(holder(queue)).toBe(0);
  });
});

describe('a deduplication id', () => {
  it('is free when a client asks for it, for any job or for one', () => {
    const queue = new TestQueue();
    add(queue, 'a', SIMPLE);
    expect(free(queue, 7)).toMatchObject({ isRemoved: false });
    expect(free(queue, 0, 'e')).toMatchObject({ isRemoved: false });
    expect(free(queue, 1)).toMatchObject({ isRemoved: true });
    expect(free(queue, 1)).toMatchObject({ isRemoved: false });
    expect(add(queue, 'b', SIMPLE)).toEqual(added(2));
    finish(queue);
    expect(holder(queue)).toBe(2);
  });

  it('is in the checkpoint, with its end, until the job is gone', () => {
    const queue = new TestQueue();
    add(queue, 'a', THROTTLE, { keepCompleted: 0 });
    queue.restart();
    expect(add(queue, 'b', THROTTLE)).toEqual(duplicateOf(1));
    finish(queue);
    queue.restart();
    expect(holder(queue)).toBe(1);
    expect(queue.tables.keys(RecordKind.deduplicated)).toEqual([1]);
    queue.pass(50);
    queue.checkpoint();
    expect(queue.tables.keys(RecordKind.deduplicated)).toEqual([]);
    expect(holder(queue)).toBe(0);
  });

  it('costs other jobs no record, and no byte of a reply', () => {
    const queue = new TestQueue();
    queue.add('plain');
    queue.checkpoint();
    expect(queue.tables.keys(RecordKind.deduplicated)).toEqual([]);
  });
});

describe('the bounds of deduplication', () => {
  it('reject an add that would take one id too many, and leave no queue behind', () => {
    const queue = new TestQueue(8_192, DEDUPLICATION_VERSION, { deduplicationIdsMax: 1 });
    add(queue, 'a', SIMPLE);
    const other = queue.do((to) => to.add('other', bytesOf('b'), options({ deduplication: SIMPLE })));
    expect(other).toMatchObject(LIMITED);
    expect(queue.machine.queueNames()).toEqual(['q']);
    expect(add(queue, 'c', SIMPLE)).toEqual(duplicateOf(1));
    finish(queue);
    expect(add(queue, 'd', SIMPLE)).toEqual(added(2));
  });

  it('reject an add whose payload cannot be kept, and still execute the one that is kept', () => {
    const queue = new TestQueue(8_192, DEDUPLICATION_VERSION, { keptAddsBytesMax: 4, deduplicationIdsMax: 1 });
    add(queue, 'a', KEEP_LAST);
    const { id, token } = queue.claimOne();
    add(queue, 'kept', KEEP_LAST);
    expect(add(queue, 'large', KEEP_LAST)).toMatchObject(LIMITED);
    expect(add(queue, 'last', KEEP_LAST)).toEqual(duplicateOf(1));
    queue.do((to) => to.complete(id, token, bytesOf('')));
    expect(textOf(queue.job(2)?.payload)).toBe('last');
  });

  it.each(['', 'x'.repeat(256)])('reject a deduplication id of %j', (id) => {
    const queue = new TestQueue();
    expect(add(queue, 'a', { ...SIMPLE, id })).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(add(queue, 'a', { ...SIMPLE, ttlMs: -1 })).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });

  it('are those of a version that earlier machines do not have', () => {
    const queue = new TestQueue(8_192, DEDUPLICATION_VERSION - 1);
    expect(add(queue, 'a', SIMPLE)).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });
});
