import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { claimOptions, TestQueue } from './harness.ts';

function pause(queue: TestQueue, isPaused = true, name = 'q'): void {
  expect(queue.do((to) => to.command('pause', { queue: name, isPaused }))).toEqual({ ok: true, type: 'done' });
}

const isPaused = (queue: TestQueue, name = 'q'): unknown => {
  const [result] = queue.read((to) => to.command('isPaused', { queue: name }));
  return result?.ok === true && result.type === 'paused' ? result.isPaused : result;
};

describe('a queue that is paused', () => {
  it('hands out no job, while jobs are added and others are finished', () => {
    const queue = new TestQueue();
    queue.add('before');
    const active = queue.claimOne();
    queue.add('waits');
    pause(queue);
    queue.add('after');
    expect(queue.claim(9)).toEqual([]);
    expect(queue.do((to) => to.complete(active.id, active.token, new Uint8Array(0)))).toMatchObject({ ok: true });
    expect(queue.do((to) => to.command('counts', { queue: 'q' }))).toMatchObject({ counts: { waiting: 2, active: 0, completed: 1 } });
    pause(queue, false);
    expect(queue.claim(9).map(({ id }) => id)).toEqual([2, 3]);
  });

  it('leaves other queues alone', () => {
    const queue = new TestQueue();
    queue.add('x', {}, 'other');
    pause(queue);
    expect([isPaused(queue), isPaused(queue, 'other'), isPaused(queue, 'unknown')]).toEqual([true, false, false]);
    expect(queue.claim(1, 1000, 'other')).toHaveLength(1);
  });

  it('takes delayed, retried and released jobs back without handing them out', () => {
    const queue = new TestQueue();
    queue.add('delayed', { delayMs: 10 });
    queue.add('released');
    const job = queue.claimOne();
    pause(queue);
    queue.do((to) => to.command('release', { jobId: job.id, token: job.token }));
    queue.pass(20);
    expect(queue.do((to) => to.command('counts', { queue: 'q' }))).toMatchObject({ counts: { waiting: 2, delayed: 0 } });
    expect(queue.claim(9)).toEqual([]);
  });

  it('exists without jobs, and no longer once it is resumed', () => {
    const queue = new TestQueue();
    pause(queue);
    expect(queue.machine.queueNames()).toEqual(['q']);
    queue.apply();
    expect(queue.machine.queueNames()).toEqual(['q']);
    pause(queue, false);
    expect(queue.machine.queueNames()).toEqual([]);
    pause(queue, false, 'never-paused');
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('is paused after a restart, and resumed after the next', () => {
    const queue = new TestQueue();
    queue.add('x');
    pause(queue);
    queue.checkpoint();
    const before = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    expect(isPaused(queue)).toBe(true);
    expect(queue.claim()).toEqual([]);
    pause(queue, false);
    queue.checkpoint();
    queue.restart();
    expect(isPaused(queue)).toBe(false);
    expect(queue.claim()).toHaveLength(1);
  });

  it('is part of the digest', () => {
    const [one, other] = [new TestQueue(), new TestQueue()];
    for (const queue of [one, other]) queue.add('x');
    pause(one);
    other.do((to) => to.command('counts', { queue: 'q' }));
    expect(one.machine.digest()).not.toBe(other.machine.digest());
  });

  it('is reported as filled when it is resumed, if it has jobs that wait: claims wait for that', () => {
    const queue = new TestQueue();
    queue.add('x');
    pause(queue);
    expect(queue.machine.waitingCount('q')).toBe(0);
    queue.filled = [];
    pause(queue, true);
    expect(queue.filled).toEqual([]);
    pause(queue, false);
    expect(queue.filled).toEqual(['q']);
    expect(queue.machine.waitingCount('q')).toBe(1);
  });
});

describe('a state machine of version 3', () => {
  it('has no paused queues: the operation is unknown to it, on every replica', () => {
    const queue = new TestQueue(8_192, 3);
    queue.add('x');
    expect(queue.do((to) => to.command('pause', { queue: 'q', isPaused: true }))).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
    expect(queue.claim()).toHaveLength(1);
  });

  it('moves to version 4 with its jobs', () => {
    const queue = new TestQueue(8_192, 3);
    queue.add('x');
    queue.checkpoint();
    queue.restart();
    queue.version = 4;
    pause(queue);
    expect(queue.do((to) => to.claim('q', claimOptions()))).toMatchObject({ ok: true, jobs: [] });
    pause(queue, false);
    expect(queue.claim()).toHaveLength(1);
  });

  it('does not open a checkpoint of version 4', () => {
    const queue = new TestQueue(8_192, 4);
    pause(queue);
    queue.checkpoint();
    const old = new JobQueue({ readRecord: (kind, key) => queue.tables.read(kind, key), versionMax: 3 });
    expect(() => old.restore((kind) => queue.tables.records(kind))).toThrow(/state-machine version 4/);
  });

  it('reads isPaused only in queries, which no log contains', () => {
    const queue = new TestQueue();
    expect(queue.do((to) => to.command('isPaused', { queue: 'q' }))).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });
});
