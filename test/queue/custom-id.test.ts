import { describe, expect, it } from 'vitest';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { bytesOf, claimOptions, options, TestQueue, textOf } from './harness.ts';

const find = (queue: TestQueue, customId: string, name = 'q') => queue.read((to) => to.command('findJob', { queue: name, customId }))[0];
const UNKNOWN = { ok: false, code: 'JOB_NOT_FOUND' };
const INVALID = { ok: false, code: 'INVALID_REQUEST' };

describe('a job with an id that its client chose', () => {
  it('is added once: a second add adds nothing, and its reply names the first one', () => {
    const queue = new TestQueue();
    const id = queue.add('first', { customId: 'order-17' });
    expect(queue.add('second', { customId: 'order-17', priority: 5 })).toBe(id);
    expect(queue.add('third', { customId: 'order-18' })).not.toBe(id);
    expect(queue.machine.totals.added).toBe(2);
    expect(queue.claim(9).map(({ payload }) => textOf(payload))).toEqual(['first', 'third']);
  });

  it('is added once in a request, too, and beside jobs without such an id', () => {
    const queue = new TestQueue();
    const results = queue.send((to) => {
      to.add('q', bytesOf('a'), options({ customId: 'x' }));
      to.add('q', bytesOf('b'), options());
      to.add('q', bytesOf('c'), options({ customId: 'x' }));
    });
    expect(results).toMatchObject([{ id: 1 }, { id: 2 }, { id: 1 }]);
    expect(queue.claim(9).map(({ payload, customId }) => [textOf(payload), customId])).toEqual([
      ['a', 'x'],
      ['b', undefined],
    ]);
  });

  it('does not keep another queue from having the same id', () => {
    const queue = new TestQueue();
    const id = queue.add('one', { customId: 'x' });
    expect(queue.add('other', { customId: 'x' }, 'other')).not.toBe(id);
    expect(find(queue, 'x')).toMatchObject({ job: { id, customId: 'x' } });
    expect(find(queue, 'x', 'nothing')).toMatchObject(UNKNOWN);
  });

  it('keeps its id in every state, until it is removed', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { customId: 'x', attemptsMax: 1, keepFailed: -1, delayMs: 10 });
    const isKnown = (): void => expect(queue.add('again', { customId: 'x' })).toBe(id);
    isKnown();
    queue.pass(20);
    isKnown();
    const { token } = queue.claimOne();
    isKnown();
    queue.do((to) => to.command('fail', { jobId: id, token, reason: 'why', retry: true }));
    isKnown();
    queue.do((to) => to.command('retry', { queue: 'q', jobId: id }));
    isKnown();
    queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    expect(find(queue, 'x')).toMatchObject(UNKNOWN);
    expect(queue.add('another', { customId: 'x' })).toBeGreaterThan(id);
  });

  it('frees its id when the queue keeps it no longer', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { customId: 'x', keepCompleted: 0 });
    const { token } = queue.claimOne();
    queue.do((to) => to.complete(id, token, new Uint8Array(0)));
    expect(queue.machine.queueNames()).toEqual([]);
    expect(queue.add('again', { customId: 'x' })).toBe(id + 1);
  });

  it('shows its id, its payload and its outcome', () => {
    const queue = new TestQueue();
    const id = queue.add('payload', { customId: 'ü/1:2', keepCompleted: -1 });
    const { token, customId } = queue.claimOne();
    expect(customId).toBe('ü/1:2');
    queue.do((to) => to.complete(id, token, bytesOf('result')));
    for (const result of [find(queue, 'ü/1:2'), queue.read((to) => to.command('getJob', { jobId: id }))[0]]) {
      const job = result?.ok === true && result.type === 'job' ? result.job : undefined;
      expect([job?.id, job?.customId, textOf(job?.payload), textOf(job?.result)]).toEqual([id, 'ü/1:2', 'payload', 'result']);
    }
  });

  it('is claimed and shown by a client of an earlier release, which ignores what is behind the payloads', () => {
    const repliesWith = (customId: string | undefined): Uint8Array[] => {
      const queue = new TestQueue();
      for (const id of [customId, undefined]) queue.add('x', { customId: id });
      const builds = [(to: RequestEncoder) => to.claim('q', claimOptions(2)), (to: RequestEncoder) => to.command('getJob', { jobId: 1 })];
      return builds.flatMap((build) => queue.apply(queue.request(build)));
    };
    const replies = repliesWith('x');
    expect(replies).toHaveLength(2);
    for (const [at, earlier] of repliesWith(undefined).entries()) {
      expect(replies[at]?.length).toBeGreaterThan(earlier.length);
      expect(replies[at]?.subarray(0, earlier.length)).toEqual(earlier);
    }
  });

  it('has it after a restart, as have its neighbours theirs', () => {
    const queue = new TestQueue(64);
    const ids = ['x', undefined, 'y'].map((customId, at) => queue.add(`payload ${at} ${'.'.repeat(100 * at)}`, { customId, priority: at }));
    queue.checkpoint();
    const before = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(before);
    expect([queue.add('again', { customId: 'x' }), queue.add('again', { customId: 'y' })]).toEqual([ids[0], ids[2]]);
    expect(queue.claim(9).map(({ customId, payload }) => [customId, textOf(payload)?.slice(0, 9)])).toEqual([
      ['x', 'payload 0'],
      [undefined, 'payload 1'],
      ['y', 'payload 2'],
    ]);
    queue.checkpoint();
    queue.restart();
    expect(find(queue, 'y')).toMatchObject({ job: { state: 'active' } });
  });

  it('is part of the digest', () => {
    const [one, other] = [new TestQueue(), new TestQueue()];
    one.add('x', { customId: 'x' });
    other.add('x', { customId: 'y' });
    expect(one.machine.digest()).not.toBe(other.machine.digest());
  });

  it.each([
    ['nothing', ''],
    ['digits alone', '17'],
    ['more than 255 bytes', 'ü'.repeat(128)],
  ])('must not have %s as its id', (_what, customId) => {
    const queue = new TestQueue();
    expect(queue.do((to) => to.add('q', bytesOf('x'), options({ customId })))).toMatchObject(INVALID);
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('may have an id of 255 bytes, and no payload', () => {
    const queue = new TestQueue();
    const customId = `${'ü'.repeat(127)}x`;
    const id = queue.add('', { customId });
    expect(find(queue, customId)).toMatchObject({ job: { id, customId } });
    expect(queue.claimOne()).toMatchObject({ id, customId });
  });

  it('is unknown to version 5, on every replica', () => {
    const queue = new TestQueue(8_192, 5);
    expect(queue.do((to) => to.add('q', bytesOf('x'), options({ customId: 'x' })))).toMatchObject(INVALID);
    queue.version = 6;
    expect(queue.add('x', { customId: 'x' })).toBe(1);
  });
});
