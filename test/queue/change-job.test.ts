import { describe, expect, it } from 'vitest';
import { StateCode } from '../../src/protocol/job-state.ts';
import { PRIORITY_MAX } from '../../src/protocol/limits.ts';
import { JOB_CHANGES_VERSION } from '../../src/protocol/machine-version.ts';
import { WaitingIndex, type WaitingJob } from '../../src/queue/waiting-index.ts';
import { TestQueue, textOf } from './harness.ts';

type Waiting = { -readonly [Name in keyof WaitingJob]: WaitingJob[Name] };

const DONE = { ok: true, type: 'done' };
const WRONG_STATE = { ok: false, code: 'JOB_STATE' };
const UNKNOWN = { ok: false, code: 'JOB_NOT_FOUND' };
const INVALID = { ok: false, code: 'INVALID_REQUEST' };

const changePriority = (queue: TestQueue, jobId: number, priority: number, name = 'q') =>
  queue.do((to) => to.command('changePriority', { queue: name, jobId, priority }));
const changeDelay = (queue: TestQueue, jobId: number, delayMs: number, name = 'q') =>
  queue.do((to) => to.command('changeDelay', { queue: name, jobId, delayMs }));
const shown = (queue: TestQueue, jobId: number) => queue.read((to) => to.command('getJob', { jobId }))[0];
const idsOf = (jobs: readonly { readonly id: number }[]): number[] => jobs.map(({ id }) => id);

describe('a job whose priority is changed', () => {
  it('is served in the order of the new one, and within it in that of the ids', () => {
    const queue = new TestQueue();
    for (const priority of [2, 0, 1, 1]) queue.add('x', { priority });
    expect(changePriority(queue, 1, 1)).toEqual(DONE);
    expect(changePriority(queue, 2, 3)).toEqual(DONE);
    expect(shown(queue, 1)).toMatchObject({ job: { priority: 1, state: 'waiting' } });
    queue.machine.check();
    expect(idsOf(queue.claim(9))).toEqual([1, 3, 4, 2]);
  });

  it('waits once, wherever it has been before, and comes back once', () => {
    const queue = new TestQueue();
    for (const payload of ['a', 'b', 'c']) queue.add(payload);
    for (const priority of [4, 0, 4, 1, 0]) changePriority(queue, 2, priority);
    queue.machine.check();
    expect(queue.machine.counts('q').waiting).toBe(3);
    const claimed = queue.claim(9);
    expect(claimed.map(({ id, payload }) => [id, textOf(payload)])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    queue.do((to) => to.command('release', { jobId: 2, token: claimed[1]?.token ?? 0 }));
    queue.machine.check();
    expect(idsOf(queue.claim(9))).toEqual([2]);
    expect(queue.claim(9)).toEqual([]);
  });

  it('waits once, as each of many that change again and again', () => {
    const queue = new TestQueue();
    for (let added = 0; added < 200; added += 1) queue.add('x', { priority: 1 });
    for (let round = 0; round < 10; round += 1) for (let id = 1; id <= 200; id += 1) changePriority(queue, id, round % 2);
    queue.machine.check();
    expect(idsOf(queue.claim(200))).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
  });

  it('leaves no trace of the priorities that it had', () => {
    const index = new WaitingIndex<Waiting>();
    const job = (priority: number): Waiting => ({ id: 1, priority, replyBytes: 0, state: StateCode.waiting, policy: { isLifo: false } });
    let latest = job(0);
    index.push(latest);
    index.push({ ...latest, id: 2, priority: 7 });
    for (let priority = 1; priority <= 10_000; priority += 1) {
      latest.state = StateCode.removed;
      index.onRemoved(latest);
      latest = job(priority);
      index.push(latest);
    }
    expect(index.priorities).toBeLessThan(200);
    expect([index.pop()?.id, index.pop()?.id, index.pop()]).toEqual([2, 1, undefined]);
    index.push({ ...latest, id: 3 });
    expect(index.pop()?.id).toBe(3);
  });

  it('keeps its attempts, its id and its payload, with lifo and in a page of a listing, also after a restart', () => {
    const queue = new TestQueue(64);
    queue.add('.'.repeat(100), { customId: 'x', isLifo: true });
    queue.add('y', { isLifo: true });
    const { token } = queue.claim(1, 1_000)[0] ?? { token: 0 };
    queue.do((to) => to.command('fail', { jobId: 2, token, reason: 'why', retry: true }));
    queue.checkpoint();
    changePriority(queue, 1, 5);
    changePriority(queue, 2, 5);
    const before = queue.machine.digest();
    queue.checkpoint();
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    expect(shown(queue, 2)).toMatchObject({ job: { attempt: 1, failedReason: 'why', priority: 5 } });
    expect(queue.add('again', { customId: 'x' })).toBe(1);
    expect(queue.claim(9).map(({ id, payload }) => [id, payload?.length])).toEqual([
      [2, 1],
      [1, 100],
    ]);
  });

  it('may be delayed, and becomes waiting when it was due', () => {
    const queue = new TestQueue();
    queue.add('delayed', { delayMs: 1_000, priority: 2, customId: 'x' });
    queue.add('waits', { priority: 1 });
    expect(changePriority(queue, 1, 0)).toEqual(DONE);
    queue.machine.check();
    queue.pass(1_000);
    expect(idsOf(queue.claim(9))).toEqual([1, 2]);
  });

  it('must be waiting or delayed, and of this queue', () => {
    const queue = new TestQueue();
    queue.add('x');
    expect(changePriority(queue, 1, 1, 'other')).toMatchObject(UNKNOWN);
    expect(changePriority(queue, 2, 1)).toMatchObject(UNKNOWN);
    expect(changePriority(queue, 1, PRIORITY_MAX + 1)).toMatchObject(INVALID);
    const { token } = queue.claimOne();
    expect(changePriority(queue, 1, 1)).toMatchObject({ ...WRONG_STATE, state: 'active' });
    queue.do((to) => to.complete(1, token, new Uint8Array(0)));
    expect(changePriority(queue, 1, 1)).toMatchObject({ ...WRONG_STATE, state: 'completed' });
  });
});

describe('a job whose delay is changed', () => {
  it('is due this long after the change, by the wall clock of the entry, later or earlier', () => {
    const queue = new TestQueue();
    queue.add('a', { delayMs: 1_000 });
    queue.add('b', { delayMs: 1_000 });
    queue.pass(500);
    expect(changeDelay(queue, 1, 2_000)).toEqual(DONE);
    expect(changeDelay(queue, 2, 100)).toEqual(DONE);
    queue.machine.check();
    queue.pass(99);
    expect(queue.claim(9)).toEqual([]);
    queue.pass(1);
    expect(idsOf(queue.claim(9, 60_000))).toEqual([2]);
    queue.pass(1_899);
    expect(queue.claim(9)).toEqual([]);
    queue.pass(1);
    expect(idsOf(queue.claim(9))).toEqual([1]);
  });

  it('of 0 waits now, and wakes the claims that wait for its queue', () => {
    const queue = new TestQueue();
    queue.add('x', { delayMs: 1_000 });
    queue.filled = [];
    expect(changeDelay(queue, 1, 0)).toEqual(DONE);
    expect(queue.filled).toEqual(['q']);
    expect(queue.machine.nextWallDueMs).toBe(Number.POSITIVE_INFINITY);
    expect(idsOf(queue.claim(9))).toEqual([1]);
  });

  it('has the new one after a restart', () => {
    const queue = new TestQueue();
    queue.add('x', { delayMs: 1_000 });
    queue.checkpoint();
    changeDelay(queue, 1, 5_000);
    const before = queue.machine.digest();
    queue.checkpoint();
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    queue.pass(4_999);
    expect(queue.claim()).toEqual([]);
  });

  it('must be delayed, and of this queue', () => {
    const queue = new TestQueue();
    queue.add('waits');
    queue.add('delayed', { delayMs: 1_000 });
    expect(changeDelay(queue, 1, 5)).toMatchObject({ ...WRONG_STATE, state: 'waiting' });
    expect(changeDelay(queue, 2, 5, 'other')).toMatchObject(UNKNOWN);
    expect(changeDelay(queue, 9, 5)).toMatchObject(UNKNOWN);
    expect(changeDelay(queue, 2, -1)).toMatchObject(INVALID);
  });
});

describe('changes of a job', () => {
  it('are unknown to the version before, on every replica', () => {
    const queue = new TestQueue(8_192, JOB_CHANGES_VERSION - 1);
    queue.add('x', { delayMs: 1_000 });
    expect(changePriority(queue, 1, 1)).toMatchObject(INVALID);
    expect(changeDelay(queue, 1, 1)).toMatchObject(INVALID);
    queue.version = JOB_CHANGES_VERSION;
    expect(changeDelay(queue, 1, 1)).toEqual(DONE);
  });
});
