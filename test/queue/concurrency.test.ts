import { describe, expect, it } from 'vitest';
import { claimOptions, TestQueue } from './harness.ts';

function limit(queue: TestQueue, concurrencyMax: number, name = 'q'): void {
  expect(queue.do((to) => to.command('setConcurrency', { queue: name, concurrencyMax }))).toEqual({ ok: true, type: 'done' });
}

const limitOf = (queue: TestQueue, name = 'q'): unknown => {
  const [result] = queue.read((to) => to.command('concurrency', { queue: name }));
  return result?.ok === true && result.type === 'concurrency' ? result.concurrencyMax : result;
};

function queueOf(jobs: number, concurrencyMax: number): TestQueue {
  const queue = new TestQueue();
  for (let job = 0; job < jobs; job += 1) queue.add('x');
  limit(queue, concurrencyMax);
  queue.filled = [];
  return queue;
}

const ids = (jobs: readonly { readonly id: number }[]): number[] => jobs.map(({ id }) => id);
const complete = (queue: TestQueue, { id, token }: { readonly id: number; readonly token: number }): unknown =>
  queue.do((to) => to.complete(id, token, new Uint8Array(0)));

describe('a queue with a limit of active jobs', () => {
  it('hands out no more than are left, over all claims, also of one request', () => {
    const queue = queueOf(5, 3);
    expect(ids(queue.claim(2))).toEqual([1, 2]);
    expect(ids(queue.claim(9))).toEqual([3]);
    expect(queue.claim(9)).toEqual([]);
    const another = queueOf(5, 3);
    another.apply(another.request((to) => [2, 2, 2].forEach((count) => void to.claim('q', claimOptions(count)))));
    expect(another.machine.counts('q')).toMatchObject({ active: 3, waiting: 2 });
  });

  it.each([
    ['completed', (queue: TestQueue, job: Held) => queue.do((to) => to.complete(job.id, job.token, new Uint8Array(0))), [2]],
    ['failed', (queue: TestQueue, job: Held) => queue.do((to) => to.command('fail', { ...leaseOf(job), reason: 'x', retry: false })), [2]],
    ['released', (queue: TestQueue, job: Held) => queue.do((to) => to.command('release', leaseOf(job))), [1]],
    ['lost by its worker', (queue: TestQueue) => queue.pass(2_000), [1]],
    ['released with its holder', (queue: TestQueue) => queue.do((to) => to.command('releaseHolder', { holder: 0 })), [1]],
  ])('hands out the next one when a job is %s, and wakes a claim that waits', (_how, end, next) => {
    const queue = queueOf(2, 1);
    const job = queue.claimOne();
    expect(queue.machine.waitingCount('q')).toBe(0);
    queue.filled = [];
    end(queue, job);
    expect(queue.filled).toContain('q');
    expect(queue.machine.waitingCount('q')).toBe(1);
    expect(ids(queue.claim(9))).toEqual(next);
  });

  it('wakes no claim when a job ends and none waits, or no place is free', () => {
    const queue = queueOf(2, 2);
    const [first, second] = queue.claim(2);
    complete(queue, first as Held);
    expect(queue.filled).toEqual([]);
    queue.add('x');
    limit(queue, 1);
    queue.filled = [];
    queue.add('x');
    expect(queue.machine.waitingCount('q')).toBe(0);
    complete(queue, second as Held);
    expect(queue.filled).toEqual(['q']);
  });

  it('counts jobs that are claimed ahead, and hands out none ahead that another worker may begin', () => {
    const queue = queueOf(5, 3);
    expect(ids(queue.claim(4, 1000, 'q', { beginMax: 2 }))).toEqual([1, 2]);
    expect(ids(queue.claim(4, 1000, 'q', { beginMax: 0 }))).toEqual([3]);
    expect(queue.machine.counts('q')).toMatchObject({ active: 3, waiting: 2 });
    expect(queue.claim(1)).toEqual([]);
  });

  it('leaves other queues alone', () => {
    const queue = queueOf(0, 1);
    for (let job = 0; job < 3; job += 1) queue.add('x', {}, 'other');
    expect(queue.claim(3, 1000, 'other')).toHaveLength(3);
    expect([limitOf(queue), limitOf(queue, 'other'), limitOf(queue, 'unknown')]).toEqual([1, 0, 0]);
  });

  it('lets active jobs end when the limit is lowered, and hands out none until fewer are active', () => {
    const queue = queueOf(5, 3);
    const [first, second] = queue.claim(3);
    limit(queue, 2);
    complete(queue, first as Held);
    expect(queue.claim(1)).toEqual([]);
    complete(queue, second as Held);
    expect(queue.claim(9)).toHaveLength(1);
  });

  it('wakes a claim that waits when the limit is raised or removed', () => {
    for (const raised of [2, 0]) {
      const queue = queueOf(3, 1);
      queue.claim(1);
      limit(queue, raised);
      expect(queue.filled).toEqual(['q']);
      expect(queue.claim(9)).toHaveLength(raised === 2 ? 1 : 2);
    }
  });

  it('exists without jobs, and no longer once the limit is removed', () => {
    const queue = queueOf(0, 1);
    queue.apply();
    expect(queue.machine.queueNames()).toEqual(['q']);
    limit(queue, 0);
    expect(queue.machine.queueNames()).toEqual([]);
    limit(queue, 0, 'never-limited');
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('is limited after a restart, and is part of the digest', () => {
    const queue = queueOf(3, 2);
    queue.claim(1);
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: true }));
    queue.checkpoint();
    const before = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    expect(limitOf(queue)).toBe(2);
    expect(queue.claim(9)).toEqual([]);
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: false }));
    expect(queue.claim(9)).toHaveLength(1);
    limit(queue, 3);
    expect(queue.machine.digest()).not.toBe(before);
  });

  it('is a command of version 8, and its read is in no log', () => {
    const old = new TestQueue(8_192, 7);
    expect(old.do((to) => to.command('setConcurrency', { queue: 'q', concurrencyMax: 1 }))).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(new TestQueue().do((to) => to.command('concurrency', { queue: 'q' }))).toMatchObject({ code: 'INVALID_REQUEST' });
  });
});

type Held = { readonly id: number; readonly token: number };
const leaseOf = ({ id, token }: Held): { readonly jobId: number; readonly token: number } => ({ jobId: id, token });
