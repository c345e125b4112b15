import { describe, expect, it } from 'vitest';
import { QUEUES_SHOWN_MAX } from '../../src/queue/queue-measurements.ts';
import { TestQueue } from './harness.ts';

const NONE = { delayed: 0, waiting: 0, active: 0, completed: 0, failed: 0, 'waiting-children': 0, oldestWaitingMs: 0 };

describe('the measurements of a job queue', () => {
  it('have the jobs of each queue by state, and the age of the oldest one that waits', () => {
    const queue = new TestQueue();
    queue.add('first');
    queue.pass(400);
    queue.add('second');
    queue.add('later', { delayMs: 60_000 });
    queue.add('elsewhere', {}, 'other');
    const { shown, others, leases, jobs, queues, sessions } = queue.machine.measure(queue.nowMs + 100);
    expect(shown).toEqual([
      { ...NONE, name: 'q', isPaused: false, delayed: 1, waiting: 2, oldestWaitingMs: 500 },
      { ...NONE, name: 'other', isPaused: false, waiting: 1, oldestWaitingMs: 100 },
    ]);
    expect({ others, leases, jobs, queues, sessions }).toEqual({ others: undefined, leases: 0, jobs: 4, queues: 2, sessions: 1 });
  });

  it('do not take a job that was removed or claimed for the oldest, in whatever order they are served', () => {
    const queue = new TestQueue();
    const oldestMs = () => queue.machine.measure(queue.nowMs).shown[0]?.oldestWaitingMs;
    const removed = queue.add('removed', { priority: 3 });
    queue.add('claimed');
    queue.pass(100);
    queue.add('last in, first out', { isLifo: true });
    queue.pass(100);
    queue.add('newest', { isLifo: true });
    queue.do((to) => to.command('remove', { queue: 'q', jobId: removed }));
    expect(oldestMs()).toBe(200);
    expect(queue.claim(1)).toHaveLength(1);
    expect(oldestMs()).toBe(200);
    queue.claim(1);
    expect(oldestMs()).toBe(200);
    expect(queue.claim(5)).toHaveLength(1);
    expect(oldestMs()).toBe(0);
  });

  it('count the operations by result: a completion with an earlier token is one of its own', () => {
    const queue = new TestQueue();
    queue.add('job');
    const { id, token } = queue.claimOne(1_000);
    queue.pass(1_001);
    const again = queue.claimOne(1_000);
    const complete = (of: number) => queue.do((to) => to.complete(id, of, new Uint8Array(0)));
    expect([complete(token).ok, complete(again.token).ok]).toEqual([false, true]);
    const { operations, totals } = queue.machine.measure(queue.nowMs);
    expect(operations).toContainEqual({ command: 'complete', result: 'leaseLost', count: 1 });
    expect(operations).toContainEqual({ command: 'complete', result: 'done', count: 1 });
    expect(operations).toContainEqual({ command: 'claim', result: 'done', count: 2 });
    expect(totals).toMatchObject({ added: 1, claimed: 2, stalled: 1, completed: 1 });
  });

  it('show no more than a bounded number of queues, the deepest ones, and add up the others', () => {
    const queue = new TestQueue();
    for (let at = 0; at < QUEUES_SHOWN_MAX + 20; at += 1) queue.add('one', {}, `queue-${at}`);
    queue.pass(50);
    queue.add('two', {}, 'queue-110');
    const { shown, others, queues } = queue.machine.measure(queue.nowMs);
    expect(shown).toHaveLength(QUEUES_SHOWN_MAX);
    expect(shown[0]).toMatchObject({ name: 'queue-110', waiting: 2 });
    expect(others).toEqual({ ...NONE, waiting: 20, oldestWaitingMs: 50 });
    expect(queues).toBe(QUEUES_SHOWN_MAX + 20);
  });
});
