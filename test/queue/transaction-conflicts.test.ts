import { describe, expect, it } from 'vitest';
import type { OperationResult } from '../../src/protocol/reply.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { encodeTransaction } from '../../src/protocol/transaction.ts';
import { addTree } from './flows.ts';
import { bytesOf, claimOptions, options, TestQueue } from './harness.ts';

const REPLACING = { id: 'd', ttlMs: 0, isExtending: false, isReplacing: true, keepsLast: true };

const transact = (queue: TestQueue, build: (to: RequestEncoder) => void): OperationResult =>
  queue.do((to) => to.command('transact', { payload: encodeTransaction(build) }));

/** A parent of two children, one of which is under a lease. */
function withFlow(onFailure: 'failParent' | 'wait' = 'wait') {
  const queue = new TestQueue();
  const keep = { keepCompleted: 0, keepFailed: 0, attemptsMax: 1 };
  const tree = addTree(queue, {
    name: 'parent',
    options: keep,
    children: [
      { name: 'first', onFailure, options: keep },
      { name: 'second', options: keep },
    ],
  });
  const { parent = 0, first = 0, second = 0 } = tree;
  const { token } = queue.claimOne();
  return { queue, parent, first, second, token };
}

const conflictOf = (operation: number, job: number) => ({ ok: false, code: 'TRANSACTION_CONFLICT', operation, job });

describe('operations of a transaction beside flows', () => {
  it('may not name a parent behind the end of its child, which may fail with it and be gone', () => {
    const { queue, parent, first, token } = withFlow('failParent');
    const result = transact(queue, (to) => {
      to.command('fail', { jobId: first, token, reason: 'no', retry: false });
      to.command('updateData', { queue: 'q', jobId: parent, token: 0, payload: bytesOf('x') });
    });
    expect(result).toMatchObject(conflictOf(1, parent));
    expect(queue.job(parent)?.state).toBe('waiting-children');
    expect(queue.job(first)?.state).toBe('active');
    expect(
      transact(queue, (to) => {
        to.command('updateData', { queue: 'q', jobId: parent, token: 0, payload: bytesOf('x') });
        to.command('fail', { jobId: first, token, reason: 'no', retry: false });
      }),
    ).toMatchObject({ ok: true });
    expect(queue.job(parent)).toBeUndefined();
  });

  it('may not name what an earlier one removes with its parent', () => {
    const queue = new TestQueue();
    const { parent = 0, child = 0 } = addTree(queue, { name: 'parent', children: [{ name: 'child' }] });
    const result = transact(queue, (to) => {
      to.command('remove', { queue: 'q', jobId: parent });
      to.command('changePriority', { queue: 'q', jobId: child, priority: 3 });
    });
    expect(result).toMatchObject(conflictOf(1, child));
    expect(queue.job(child)).toMatchObject({ state: 'waiting', priority: 0 });
  });

  it('remove nothing below which a worker has a job, also if an earlier one ends that', () => {
    const { queue, parent, first, token } = withFlow();
    const result = transact(queue, (to) => {
      to.add('q', bytesOf('x'), options());
      to.command('remove', { queue: 'q', jobId: parent });
    });
    expect(result).toMatchObject({ ok: false, code: 'CHILD_ACTIVE', operation: 1, job: parent });
    const ended = transact(queue, (to) => {
      to.complete(first, token, bytesOf('1'));
      to.command('remove', { queue: 'q', jobId: parent });
    });
    expect(ended).toMatchObject(conflictOf(1, parent));
    expect(queue.job(parent)?.state).toBe('waiting-children');
  });

  it('end all children of a parent at once, which is released once', () => {
    const { queue, parent, first, second, token } = withFlow();
    const other = queue.claimOne();
    expect(other.id).toBe(second);
    const result = transact(queue, (to) => {
      to.complete(first, token, bytesOf('1'));
      to.complete(second, other.token, bytesOf('2'));
    });
    expect(result).toMatchObject({ ok: true });
    expect(queue.job(parent)?.state).toBe('waiting');
  });
});

describe('operations of a transaction beside deduplication', () => {
  it('may not name a delayed job whose place an add takes that is kept until a job ends', () => {
    const queue = new TestQueue();
    const active = queue.add('active', { deduplication: REPLACING });
    const { token } = queue.claimOne();
    queue.do((to) => to.add('q', bytesOf('kept'), options({ deduplication: REPLACING })));
    queue.do((to) => to.command('removeDeduplication', { queue: 'q', holderJobId: 0, deduplicationId: 'd' }));
    const delayed = queue.add('delayed', { deduplication: REPLACING, delayMs: 1_000 });
    const result = transact(queue, (to) => {
      to.complete(active, token, bytesOf('1'));
      to.command('promote', { queue: 'q', jobId: delayed });
    });
    expect(result).toMatchObject(conflictOf(1, delayed));
    expect(queue.job(delayed)?.state).toBe('delayed');
    expect(queue.do((to) => to.claim('q', claimOptions(1)))).toMatchObject({ jobs: [] });
  });
});
