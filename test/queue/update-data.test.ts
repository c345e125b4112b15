import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JOB_CHANGES_VERSION } from '../../src/protocol/machine-version.ts';
import { RecordKind } from '../../src/queue/record.ts';
import { bytesOf, TestQueue, textOf } from './harness.ts';

const DONE = { ok: true, type: 'done' };
const UNKNOWN = { ok: false, code: 'JOB_NOT_FOUND' };
const LOST = { ok: false, code: 'LEASE_LOST' };
const INVALID = { ok: false, code: 'INVALID_REQUEST' };
/** From this size on a payload stays in its entry. */
const IN_ENTRY_BYTES = 64;
const LARGE = 'in its entry '.repeat(20);

const update = (queue: TestQueue, jobId: number, text: string, token = 0, name = 'q') =>
  queue.do((to) => to.command('updateData', { queue: name, jobId, token, payload: bytesOf(text) }));

const payloadsOf = (queue: TestQueue, count: number) => Array.from({ length: count }, (_, at) => textOf(queue.job(at + 1)?.payload));
const remove = (queue: TestQueue, jobId: number) => queue.do((to) => to.command('remove', { queue: 'q', jobId }));

/** The records that payloads and progress may have. */
const contentOf = ({ tables }: TestQueue): number[] =>
  [RecordKind.content, RecordKind.entry, RecordKind.changed].map((kind) => tables.keys(kind).length);

/** It loses nothing by a checkpoint and a restart. */
function restart(queue: TestQueue): void {
  queue.checkpoint();
  const before = queue.machine.digest();
  queue.restart();
  queue.machine.check();
  expect(queue.machine.digest()).toBe(before);
}

describe('the data of a job', () => {
  it('are replaced in every state, until the job is gone', () => {
    const queue = new TestQueue();
    const id = queue.add('added', { delayMs: 10, keepCompleted: -1 });
    expect(update(queue, id, 'delayed')).toEqual(DONE);
    queue.pass(10);
    update(queue, id, 'waits');
    const { token, payload } = queue.claimOne();
    expect(textOf(payload)).toBe('waits');
    update(queue, id, 'active', token);
    expect(payloadsOf(queue, 1)).toEqual(['active']);
    queue.do((to) => to.complete(id, token, bytesOf('result')));
    update(queue, id, 'completed');
    expect(payloadsOf(queue, 1)).toEqual(['completed']);
    expect(textOf(queue.job(id)?.result)).toBe('result');
    remove(queue, id);
    expect(update(queue, id, 'again')).toMatchObject(UNKNOWN);
  });

  it('are replaced under a lease only while it goes on', () => {
    const queue = new TestQueue();
    const id = queue.add('added');
    const { token } = queue.claimOne();
    queue.pass(1_001);
    expect(update(queue, id, 'late', token)).toMatchObject(LOST);
    expect(update(queue, id, 'of another queue', 0, 'other')).toMatchObject(UNKNOWN);
    expect(payloadsOf(queue, 1)).toEqual(['added']);
    expect(textOf(queue.claimOne().payload)).toBe('added');
  });

  it('come with the next attempt', () => {
    const queue = new TestQueue(IN_ENTRY_BYTES);
    const id = queue.add('added');
    for (const text of [LARGE, 'small', '']) {
      const { token } = queue.claimOne();
      update(queue, id, text, token);
      queue.checkpoint();
      queue.do((to) => to.command('release', { jobId: id, token }));
      const next = queue.claimOne();
      expect(textOf(next.payload)).toBe(text);
      queue.do((to) => to.command('release', { jobId: id, token: next.token }));
    }
  });

  it('leave those of neighbours as they are, that share a record under the key of the job', () => {
    const queue = new TestQueue(IN_ENTRY_BYTES);
    for (const payload of ['a', 'b', 'c']) queue.add(payload);
    queue.checkpoint();
    for (const text of ['first', 'second']) {
      update(queue, 1, text);
      restart(queue);
      expect(payloadsOf(queue, 3)).toEqual([text, 'b', 'c']);
    }
    remove(queue, 1);
    restart(queue);
    expect(payloadsOf(queue, 3)).toEqual([undefined, 'b', 'c']);
    expect(contentOf(queue)).toEqual([1, 0, 0]);
  });

  it('may be empty, after which those of neighbours are still as they are', () => {
    const queue = new TestQueue(IN_ENTRY_BYTES);
    for (const payload of ['a', 'b']) queue.add(payload);
    queue.checkpoint();
    update(queue, 1, '');
    restart(queue);
    expect(payloadsOf(queue, 2)).toEqual(['', 'b']);
    update(queue, 1, 'x');
    restart(queue);
    expect(payloadsOf(queue, 2)).toEqual(['x', 'b']);
  });

  it('keep an entry of the log only while a payload is in it', () => {
    const queue = new TestQueue(IN_ENTRY_BYTES);
    const id = queue.add(LARGE);
    queue.checkpoint();
    const [first] = queue.tables.keys(RecordKind.entry);
    update(queue, id, `${LARGE}!`);
    restart(queue);
    const [second, ...others] = queue.tables.keys(RecordKind.entry);
    expect(others).toEqual([]);
    expect(second).toBeGreaterThan(first ?? 0);
    expect(payloadsOf(queue, 1)).toEqual([`${LARGE}!`]);
    update(queue, id, 'small');
    restart(queue);
    expect(contentOf(queue)).toEqual([0, 0, 1]);
    update(queue, id, LARGE);
    restart(queue);
    expect(contentOf(queue)).toEqual([0, 1, 0]);
    expect(payloadsOf(queue, 1)).toEqual([LARGE]);
  });

  it('count in the bytes that a claim may return', () => {
    const queue = new TestQueue();
    for (let added = 0; added < 3; added += 1) queue.add('x');
    expect(queue.machine.claimWithin('q', 0, 3, 100).count).toBe(3);
    update(queue, 1, '.'.repeat(90));
    update(queue, 2, '.'.repeat(90));
    expect(queue.machine.claimWithin('q', 0, 3, 100).count).toBe(1);
  });

  it('are not replaced again by a late copy of the request', () => {
    const queue = new TestQueue();
    queue.add('added');
    const request = queue.request((to) => to.command('updateData', { queue: 'q', jobId: 1, token: 0, payload: bytesOf('first') }));
    expect(queue.apply(request)).toEqual(queue.apply(request));
    update(queue, 1, 'second');
    queue.apply(request);
    expect(payloadsOf(queue, 1)).toEqual(['second']);
  });

  it('are part of the digest', () => {
    const [one, other] = [new TestQueue(), new TestQueue()];
    for (const queue of [one, other]) queue.add('x');
    update(one, 1, 'a');
    update(other, 1, 'b');
    expect(one.machine.digest()).not.toBe(other.machine.digest());
  });

  it('cannot be replaced in the version before, on every replica', () => {
    const queue = new TestQueue(8_192, JOB_CHANGES_VERSION - 1);
    queue.add('x');
    expect(update(queue, 1, 'y')).toMatchObject(INVALID);
    queue.version = JOB_CHANGES_VERSION;
    expect(update(queue, 1, 'y')).toEqual(DONE);
  });
});

interface Step {
  readonly type: 'add' | 'data' | 'progress' | 'remove' | 'priority' | 'checkpoint' | 'restart';
  readonly id: number;
  readonly text: string;
}
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom<Step['type']>('add', 'data', 'data', 'progress', 'remove', 'priority'),
      id: fc.integer({ min: 1, max: 12 }),
      text: fc.constantFrom('a', 'bb', '', '.'.repeat(50), LARGE, '.'.repeat(3_000)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom<Step['type']>('checkpoint', 'restart'), id: fc.constant(0), text: fc.constant('') }),
  },
);

describe('payloads that are added, replaced and removed between checkpoints', () => {
  it('are what was sent last, and leave no record behind', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40, size: 'max' }), (steps) => {
        const queue = new TestQueue(IN_ENTRY_BYTES);
        const expected = new Map<number, string>();
        let added = 0;
        for (const step of steps) {
          if (step.type === 'checkpoint') queue.checkpoint();
          else if (step.type === 'restart') restart(queue);
          else if (step.type === 'add') {
            added += 1;
            expected.set(queue.add(step.text), step.text);
          } else if (step.type === 'data') {
            update(queue, step.id, step.text);
            if (expected.has(step.id)) expected.set(step.id, step.text);
          } else if (step.type === 'progress')
            queue.do((to) => to.command('updateProgress', { queue: 'q', jobId: step.id, token: 0, payload: bytesOf('half') }));
          else if (step.type === 'priority') queue.do((to) => to.command('changePriority', { queue: 'q', jobId: step.id, priority: 1 }));
          else {
            remove(queue, step.id);
            expected.delete(step.id);
          }
          expect(queue.machine.pendingWork.once).toBeGreaterThanOrEqual(0);
          for (let id = 1; id <= added; id += 1) expect(textOf(queue.job(id)?.payload)).toBe(expected.get(id));
        }
        for (const id of expected.keys()) remove(queue, id);
        queue.checkpoint();
        expect(contentOf(queue)).toEqual([0, 0, 0]);
      }),
      { numRuns: 150 },
    );
  });
});
