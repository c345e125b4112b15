import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { TestQueue } from './harness.ts';

const LIFO = { isLifo: true };
const none = new Uint8Array(0);
const claimedBy = (queue: TestQueue, countMax = 9): number[] => queue.claim(countMax).map(({ id }) => id);

describe('a job with lifo', () => {
  it('is served before the jobs that were added before it, and after those with lifo that were added after it', () => {
    const queue = new TestQueue();
    queue.add('1');
    queue.add('2', LIFO);
    queue.add('3');
    queue.add('4', LIFO);
    queue.add('5');
    expect(claimedBy(queue)).toEqual([4, 2, 1, 3, 5]);
  });

  it('stays within its priority', () => {
    const queue = new TestQueue();
    queue.add('1', { priority: 2 });
    queue.add('2', { priority: 2, ...LIFO });
    queue.add('3', { priority: 1 });
    queue.add('4');
    expect(claimedBy(queue)).toEqual([4, 3, 2, 1]);
  });

  it.each<[string, (queue: TestQueue, id: number, token: number) => unknown]>([
    ['is released', (queue, jobId, token) => queue.do((to) => to.command('release', { jobId, token }))],
    ['is tried again at once', (queue, jobId, token) => queue.do((to) => to.command('fail', { jobId, token, reason: 'x', retry: true }))],
    ['lost its lease', (queue) => queue.pass(1000)],
    [
      'failed and is retried',
      (queue, jobId, token) => {
        queue.do((to) => to.command('fail', { jobId, token, reason: 'x', retry: false }));
        queue.do((to) => to.command('retry', { queue: 'q', jobId }));
      },
    ],
  ])('that %s has its place again', (_, comeBack) => {
    const queue = new TestQueue();
    queue.add('1');
    queue.add('2', LIFO);
    queue.add('3', LIFO);
    const { id, token } = queue.claimOne();
    expect(id).toBe(3);
    queue.add('4', LIFO);
    queue.add('5');
    comeBack(queue, id, token);
    expect(claimedBy(queue)).toEqual([4, 3, 2, 1, 5]);
  });

  it('that was delayed, or waits for a backoff, is served before those that were added before it', () => {
    const queue = new TestQueue();
    queue.add('1');
    queue.add('2', { delayMs: 50, ...LIFO });
    queue.add('3', { backoff: { type: 'fixed', delayMs: 50 }, ...LIFO });
    const { id, token } = queue.claimOne();
    queue.do((to) => to.command('fail', { jobId: id, token, reason: 'x', retry: true }));
    expect(queue.machine.counts('q')).toMatchObject({ delayed: 2, waiting: 1 });
    queue.pass(50);
    expect(claimedBy(queue)).toEqual([3, 2, 1]);
  });

  it('keeps the order through removals, and without memory of the removed', () => {
    const queue = new TestQueue();
    for (let id = 1; id <= 300; id += 1) queue.add('x', { isLifo: id % 2 === 0 });
    for (let id = 1; id <= 300; id += 1) if (id % 3 !== 0) queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    const left = Array.from({ length: 100 }, (_, at) => 3 * (at + 1));
    expect(claimedBy(queue, 300)).toEqual([...left.filter((id) => id % 2 === 0).reverse(), ...left.filter((id) => id % 2 === 1)]);
  });

  it('keeps its option in a checkpoint, beside jobs without it and in any state', () => {
    const queue = new TestQueue();
    queue.add('1', LIFO);
    queue.add('2');
    queue.add('3', LIFO);
    queue.add('4', { delayMs: 50, ...LIFO });
    const active = queue.claimOne();
    expect(active.id).toBe(3);
    queue.checkpoint();
    const before = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    queue.do((to) => to.command('release', { jobId: 3, token: active.token }));
    queue.pass(50);
    expect(claimedBy(queue)).toEqual([4, 3, 1, 2]);
  });

  it('is part of the digest', () => {
    const [one, other] = [new TestQueue(), new TestQueue()];
    one.add('x', LIFO);
    other.add('x');
    expect(one.machine.digest()).not.toBe(other.machine.digest());
  });

  it('counts first for the payloads that a claim may return', () => {
    const queue = new TestQueue();
    queue.add('x'.repeat(10));
    queue.add('x'.repeat(70), LIFO);
    queue.add('x'.repeat(30), LIFO);
    expect(queue.machine.claimWithin('q', 0, 3, 100)).toEqual({ count: 2, bytes: 100 });
  });
});

describe('a state machine of version 4', () => {
  it('has no option lifo: the operation is unknown to it, on every replica', () => {
    const queue = new TestQueue(8_192, 4);
    expect(() => queue.add('x', LIFO)).toThrow('not added');
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 0 });
    queue.add('x');
    expect(claimedBy(queue)).toEqual([1]);
  });

  it('moves to version 5 with its jobs', () => {
    const queue = new TestQueue(8_192, 4);
    queue.add('1');
    queue.checkpoint();
    queue.restart();
    queue.version = 5;
    queue.add('2', LIFO);
    const [first] = queue.claim(1);
    expect(first?.id).toBe(2);
    expect(queue.do((to) => to.complete(2, first?.token ?? 0, none))).toMatchObject({ ok: true });
    expect(claimedBy(queue)).toEqual([1]);
  });

  it('does not open a checkpoint of version 5', () => {
    const queue = new TestQueue(8_192, 5);
    queue.add('x', LIFO);
    queue.checkpoint();
    const old = new JobQueue({ readRecord: (kind, key) => queue.tables.read(kind, key), versionMax: 4 });
    expect(() => old.restore((kind) => queue.tables.records(kind))).toThrow(/state-machine version 5/);
  });
});
