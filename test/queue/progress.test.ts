import { describe, expect, it } from 'vitest';
import { PROGRESS_BYTES_MAX } from '../../src/protocol/limits.ts';
import { JOB_CHANGES_VERSION } from '../../src/protocol/machine-version.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { RecordKind } from '../../src/queue/record.ts';
import { bytesOf, claimOptions, TestQueue, textOf } from './harness.ts';

const DONE = { ok: true, type: 'done' };
const UNKNOWN = { ok: false, code: 'JOB_NOT_FOUND' };
const LOST = { ok: false, code: 'LEASE_LOST' };
const INVALID = { ok: false, code: 'INVALID_REQUEST' };

const update = (queue: TestQueue, jobId: number, text: string, token = 0, name = 'q') =>
  queue.do((to) => to.command('updateProgress', { queue: name, jobId, token, payload: bytesOf(text) }));

function shown(queue: TestQueue, jobId: number): string | undefined {
  const [result] = queue.read((to) => to.command('getJob', { jobId }));
  return result?.ok === true && result.type === 'job' ? textOf(result.job.progress) : undefined;
}

describe('the progress of a job', () => {
  it('is what was set last, in every state, until the job is gone', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { delayMs: 10, keepCompleted: -1 });
    expect(shown(queue, id)).toBeUndefined();
    expect(update(queue, id, 'delayed')).toEqual(DONE);
    queue.pass(10);
    expect(shown(queue, id)).toBe('delayed');
    update(queue, id, 'waits');
    const { token } = queue.claimOne();
    update(queue, id, 'half', token);
    expect(shown(queue, id)).toBe('half');
    queue.do((to) => to.complete(id, token, new Uint8Array(0)));
    expect(shown(queue, id)).toBe('half');
    expect(update(queue, id, 'over')).toEqual(DONE);
    expect(shown(queue, id)).toBe('over');
    queue.machine.check();
    queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    expect(update(queue, id, 'again')).toMatchObject(UNKNOWN);
    queue.machine.check();
  });

  it('is set under a lease only while it goes on', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const first = queue.claimOne();
    queue.pass(1_001);
    expect(update(queue, id, 'late', first.token)).toMatchObject(LOST);
    const second = queue.claimOne();
    expect(update(queue, id, 'later', first.token)).toMatchObject(LOST);
    expect(update(queue, id, 'now', second.token)).toEqual(DONE);
    expect(update(queue, id, 'by its id', 0)).toEqual(DONE);
    queue.do((to) => to.command('release', { jobId: id, token: second.token }));
    expect(update(queue, id, 'after it', second.token)).toMatchObject(LOST);
    expect(update(queue, id + 1, 'never added', second.token)).toMatchObject(UNKNOWN);
    expect(shown(queue, id)).toBe('by its id');
  });

  it('is that of a job of the named queue', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne();
    expect(update(queue, id, 'x', 0, 'other')).toMatchObject(UNKNOWN);
    expect(update(queue, id, 'x', token, 'other')).toMatchObject(UNKNOWN);
  });

  it('comes with the next claim, as does the id of its client, and without changing the replies before it', () => {
    const queue = new TestQueue();
    queue.add('a');
    queue.add('b', { customId: 'x' });
    queue.add('c', { customId: 'y' });
    update(queue, 1, 'one');
    update(queue, 2, 'two');
    const jobs = queue.claim(9);
    expect(jobs.map(({ payload, customId, progress }) => [textOf(payload), customId, textOf(progress)])).toEqual([
      ['a', undefined, 'one'],
      ['b', 'x', 'two'],
      ['c', 'y', undefined],
    ]);
    const claimOf = (progress: boolean): Uint8Array | undefined => {
      const other = new TestQueue();
      other.add('a', { customId: 'x' });
      if (progress) update(other, 1, 'one');
      else other.sequence += 1;
      return other.apply(other.request((to: RequestEncoder) => to.claim('q', claimOptions(2))))[0];
    };
    const earlier = claimOf(false) ?? new Uint8Array(0);
    expect(claimOf(true)?.subarray(0, earlier.length)).toEqual(earlier);
  });

  it('leaves memory with a checkpoint, is read back from it, and its record goes with the job', () => {
    const queue = new TestQueue();
    for (const payload of ['a', 'b', 'c']) queue.add(payload);
    update(queue, 2, 'first');
    queue.checkpoint();
    update(queue, 2, 'second');
    const before = queue.machine.digest();
    queue.checkpoint();
    expect(queue.machine.digest()).toBe(before);
    expect(queue.tables.keys(RecordKind.changed)).toHaveLength(1);
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    expect([1, 2, 3].map((id) => shown(queue, id))).toEqual([undefined, 'second', undefined]);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 2 }));
    queue.checkpoint();
    expect(queue.tables.keys(RecordKind.changed)).toEqual([]);
  });

  it('is part of the digest', () => {
    const [one, other] = [new TestQueue(), new TestQueue()];
    for (const queue of [one, other]) queue.add('x');
    update(one, 1, 'a');
    update(other, 1, 'b');
    expect(one.machine.digest()).not.toBe(other.machine.digest());
  });

  it('survives a change of the priority, and a retry', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 1, keepFailed: -1 });
    update(queue, id, 'half');
    queue.do((to) => to.command('changePriority', { queue: 'q', jobId: id, priority: 3 }));
    queue.checkpoint();
    const { token } = queue.claimOne();
    queue.do((to) => to.command('fail', { jobId: id, token, reason: 'why', retry: true }));
    queue.do((to) => to.command('retry', { queue: 'q', jobId: id }));
    expect(shown(queue, id)).toBe('half');
    queue.machine.check();
  });

  it('is bounded, and counts in the bytes that a claim may return', () => {
    const queue = new TestQueue();
    for (let added = 0; added < 4; added += 1) queue.add('x');
    expect(update(queue, 1, '')).toMatchObject(INVALID);
    expect(update(queue, 1, '.'.repeat(PROGRESS_BYTES_MAX + 1))).toMatchObject(INVALID);
    expect(queue.machine.claimWithin('q', 0, 4, 2 * PROGRESS_BYTES_MAX).count).toBe(4);
    for (let id = 1; id <= 4; id += 1) update(queue, id, '.'.repeat(PROGRESS_BYTES_MAX));
    expect(queue.machine.claimWithin('q', 0, 4, 2 * PROGRESS_BYTES_MAX + 10).count).toBe(2);
  });

  it('is unknown to the version before, on every replica', () => {
    const queue = new TestQueue(8_192, JOB_CHANGES_VERSION - 1);
    queue.add('x');
    expect(update(queue, 1, 'half')).toMatchObject(INVALID);
    queue.version = JOB_CHANGES_VERSION;
    expect(update(queue, 1, 'half')).toEqual(DONE);
  });
});
