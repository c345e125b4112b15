import { describe, expect, it } from 'vitest';
import { TRANSACTION_OPERATIONS_MAX } from '../../src/protocol/limits.ts';
import { TRANSACTIONS_VERSION } from '../../src/protocol/machine-version.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { ANY_VERSION } from '../../src/protocol/request-reader.ts';
import { encodeTransaction } from '../../src/protocol/transaction.ts';
import { validateRequest } from '../../src/protocol/validate-request.ts';
import { bytesOf, claimOptions, options, TestQueue, textOf } from './harness.ts';

const DONE = { ok: true, type: 'done' };
const INVALID = { ok: false, code: 'INVALID_REQUEST' };
const NOTHING = new Uint8Array(0);

const writing = (build: (to: RequestEncoder) => void) => (to: RequestEncoder) =>
  to.command('transact', { payload: encodeTransaction(build) });

const transact = (queue: TestQueue, build: (to: RequestEncoder) => void): OperationResult => queue.do(writing(build));

/** Everything but the remembered replies, which the rejected request has changed. */
const stateOf = (queue: TestQueue): unknown => [1, 2, 3, 4, 5].map((id) => queue.read((to) => to.command('getJob', { jobId: id }))[0]);

describe('a transaction', () => {
  it('ends a job and adds its successors at once, over several queues, and says what each operation did', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne();
    const result = transact(queue, (to) => {
      to.complete(id, token, bytesOf('5'));
      to.add('other', bytesOf('y'), options({ priority: 3, customId: 'c' }));
      to.add('q', bytesOf('z'), options({ delayMs: 50 }));
      to.command('addLog', { queue: 'q', jobId: id + 7, token: 0, keepMax: 0, row: 'gone' });
    });
    expect(result).toMatchObject({ ok: false, code: 'JOB_NOT_FOUND', operation: 3, job: id + 7 });
    expect(queue.job(id)?.state).toBe('active');
    expect(queue.machine.counts('other').waiting).toBe(0);
    const applied = transact(queue, (to) => {
      to.complete(id, token, bytesOf('5'));
      to.add('other', bytesOf('y'), options({ priority: 3, customId: 'c' }));
      to.add('q', bytesOf('z'), options({ delayMs: 50 }));
    });
    expect(applied).toEqual({
      ok: true,
      type: 'transacted',
      results: [DONE, { ok: true, type: 'added', id: id + 1 }, { ok: true, type: 'added', id: id + 2 }],
    });
    expect(textOf(queue.job(id)?.result)).toBe('5');
    expect(queue.job(id + 1)).toMatchObject({ queue: 'other', priority: 3, customId: 'c', state: 'waiting' });
    expect([textOf(queue.job(id + 1)?.payload), textOf(queue.job(id + 2)?.payload)]).toEqual(['y', 'z']);
    expect(queue.job(id + 2)?.state).toBe('delayed');
    queue.restart();
    expect([textOf(queue.job(id + 1)?.payload), textOf(queue.job(id + 2)?.payload)]).toEqual(['y', 'z']);
  });

  it('may do each of its commands, with the effect that it has alone', () => {
    const queue = new TestQueue();
    for (const payload of ['a', 'b', 'c']) queue.add(payload);
    const delayed = [queue.add('d', { delayMs: 50 }), queue.add('e', { delayMs: 50 }), queue.add('f', { delayMs: 50 })] as const;
    const [a, b, c] = queue.claim(3);
    const [last, other] = [queue.add('g'), queue.add('h')];
    const lease = (job: typeof a) => ({ jobId: job?.id ?? 0, token: job?.token ?? 0 });
    const result = transact(queue, (to) => {
      to.complete(a?.id ?? 0, a?.token ?? 0, NOTHING);
      to.command('fail', { ...lease(b), retry: false, reason: 'why' });
      to.command('release', lease(c));
      to.command('remove', { queue: 'q', jobId: delayed[0] });
      to.command('promote', { queue: 'q', jobId: delayed[1] });
      to.command('changeDelay', { queue: 'q', jobId: delayed[2], delayMs: 500 });
      to.command('changePriority', { queue: 'q', jobId: last, priority: 7 });
      to.command('addLog', { queue: 'q', jobId: other, token: 0, keepMax: 0, row: 'logged' });
    });
    expect(result).toMatchObject({ type: 'transacted', results: [...Array.from({ length: 7 }, () => DONE), { type: 'logged', rows: 1 }] });
    expect([1, 2, 3, 4, 5, 6].map((id) => queue.job(id)?.state)).toEqual([
      'completed',
      'failed',
      'waiting',
      undefined,
      'waiting',
      'delayed',
    ]);
    expect(queue.job(last)?.priority).toBe(7);
    const more = transact(queue, (to) => {
      to.command('updateProgress', { queue: 'q', jobId: 1, token: 0, payload: bytesOf('half') });
      to.command('updateData', { queue: 'q', jobId: 2, token: 0, payload: bytesOf('data') });
      to.command('clearLogs', { queue: 'q', jobId: other, keepMax: 0 });
    });
    expect(more).toMatchObject({ results: [DONE, DONE, DONE] });
    expect([textOf(queue.job(1)?.progress), textOf(queue.job(2)?.payload)]).toEqual(['half', 'data']);
  });

  it.each<[string, (to: RequestEncoder, token: number) => void, string]>([
    ['a lost lease', (to, token) => to.complete(1, token + 5, NOTHING), 'LEASE_LOST'],
    ['a job that is not active', (to, token) => to.command('fail', { jobId: 2, token, retry: true, reason: 'x' }), 'LEASE_LOST'],
    ['a job that was never added', (to) => to.command('release', { jobId: 77, token: 1 }), 'JOB_NOT_FOUND'],
    ['an active job to remove', (to) => to.command('remove', { queue: 'q', jobId: 1 }), 'JOB_STATE'],
    ['a job of another queue', (to) => to.command('remove', { queue: 'other', jobId: 2 }), 'JOB_NOT_FOUND'],
    ['a waiting job to promote', (to) => to.command('promote', { queue: 'q', jobId: 2 }), 'JOB_STATE'],
    ['a waiting job to delay', (to) => to.command('changeDelay', { queue: 'q', jobId: 2, delayMs: 5 }), 'JOB_STATE'],
    ['an active job’s priority', (to) => to.command('changePriority', { queue: 'q', jobId: 1, priority: 1 }), 'JOB_STATE'],
    [
      'progress without a lease',
      (to, token) => to.command('updateProgress', { queue: 'q', jobId: 2, token, payload: bytesOf('x') }),
      'LEASE_LOST',
    ],
    ['a log of no job', (to) => to.command('clearLogs', { queue: 'q', jobId: 77, keepMax: 0 }), 'JOB_NOT_FOUND'],
  ])('has no effect because of %s, wherever that is in it, and names it', (_name, wrong, code) => {
    const queue = new TestQueue();
    for (const payload of ['a', 'b', 'c']) queue.add(payload);
    const { token } = queue.claimOne();
    // A result of its own, as the operation alone has it.
    expect(queue.do((to) => wrong(to, token))).toMatchObject({ ok: false, code });
    const before = stateOf(queue);
    const others = (to: RequestEncoder): void => {
      to.add('q', bytesOf('new'), options());
      to.command('changePriority', { queue: 'q', jobId: 3, priority: 9 });
    };
    const first = transact(queue, (to) => {
      wrong(to, token);
      others(to);
    });
    expect(first).toMatchObject({ ok: false, code, operation: 0 });
    const last = transact(queue, (to) => {
      others(to);
      wrong(to, token);
    });
    expect(last).toMatchObject({ ok: false, code, operation: 2 });
    expect(stateOf(queue)).toEqual(before);
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 2, active: 1 });
  });

  it('is executed once when it comes twice', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne();
    const request = queue.request(
      writing((to) => {
        to.complete(id, token, NOTHING);
        to.add('q', bytesOf('next'), options());
      }),
      undefined,
      undefined,
      1,
    );
    const [first] = queue.apply(request);
    queue.restart();
    expect(queue.apply(request)).toEqual([first]);
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 1, completed: 1 });
  });

  it('finds the jobs that its own completions push out of retention', () => {
    const queue = new TestQueue();
    const kept = queue.add('old', { keepCompleted: 1 });
    const first = queue.claimOne();
    queue.do((to) => to.complete(kept, first.token, NOTHING));
    const id = queue.add('new', { keepCompleted: 1 });
    const { token } = queue.claimOne();
    const result = transact(queue, (to) => {
      to.complete(id, token, NOTHING);
      to.command('addLog', { queue: 'q', jobId: kept, token: 0, keepMax: 0, row: 'the last one' });
    });
    expect(result).toMatchObject({ type: 'transacted', results: [DONE, { type: 'logged', rows: 1 }] });
    expect(queue.machine.counts('q').completed).toBe(2);
    const next = queue.add('later', { keepCompleted: 1 });
    const last = queue.claimOne();
    queue.do((to) => to.complete(next, last.token, NOTHING));
    expect([queue.job(kept), queue.job(id)]).toEqual([undefined, undefined]);
  });

  it('adds a job with the custom id of one that its own completion pushes out of retention', () => {
    const queue = new TestQueue();
    const kept = queue.add('old', { keepCompleted: 1, customId: 'c' });
    const first = queue.claimOne();
    queue.do((to) => to.complete(kept, first.token, NOTHING));
    const id = queue.add('new', { keepCompleted: 1 });
    const { token } = queue.claimOne();
    const result = transact(queue, (to) => {
      to.complete(id, token, NOTHING);
      to.add('q', bytesOf('again'), options({ customId: 'c' }));
    });
    expect(result).toMatchObject({ results: [DONE, { type: 'added', id: id + 1 }] });
    expect(textOf(queue.job(id + 1)?.payload)).toBe('again');
    expect(queue.job(kept)).toBeUndefined();
  });

  it('adds a job with a custom id once, also twice in itself, and again once it is free', () => {
    const queue = new TestQueue();
    const known = queue.add('x', { customId: 'c' });
    const twice = transact(queue, (to) => {
      to.add('q', bytesOf('y'), options({ customId: 'c' }));
      to.add('q', bytesOf('z'), options({ customId: 'd' }));
      to.add('q', bytesOf('z'), options({ customId: 'd' }));
    });
    expect(twice).toMatchObject({ results: [{ id: known }, { id: known + 1 }, { id: known + 1 }] });
    const again = transact(queue, (to) => {
      to.command('remove', { queue: 'q', jobId: known });
      to.add('q', bytesOf('y'), options({ customId: 'c' }));
    });
    expect(again).toMatchObject({ results: [DONE, { id: known + 2 }] });
    expect(textOf(queue.job(known + 2)?.payload)).toBe('y');
  });

  it('names each job once, and contains nothing else, on every replica', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne();
    const before = stateOf(queue);
    const wrong: ((to: RequestEncoder) => void)[] = [
      (to) => {
        to.command('addLog', { queue: 'q', jobId: id, token: 0, keepMax: 0, row: 'x' });
        to.complete(id, token, NOTHING);
      },
      (to) => {
        to.complete(id, token, NOTHING);
        to.claim('q', claimOptions());
      },
      (to) => to.command('getJob', { jobId: id }),
      writing((to) => to.complete(id, token, NOTHING)),
      () => undefined,
      (to) => {
        for (let at = 0; at <= TRANSACTION_OPERATIONS_MAX; at += 1) to.add('q', NOTHING, options());
      },
    ];
    for (const build of wrong) expect(transact(queue, build)).toMatchObject(INVALID);
    const payload = encodeTransaction((to) => to.complete(id, token, NOTHING));
    expect(queue.do((to) => to.command('transact', { payload: payload.subarray(0, payload.length - 2) }))).toMatchObject(INVALID);
    expect(queue.do((to) => to.command('transact', { payload: Uint8Array.of(...payload, 0) }))).toMatchObject(INVALID);
    expect(stateOf(queue)).toEqual(before);
  });

  it('is rejected before the log, alone, if it is none or has a payload that is too large', () => {
    const queue = new TestQueue();
    const faultOf = (build: (to: RequestEncoder) => void, payloadBytesMax: number) =>
      validateRequest(
        queue.request((to) => {
          to.add('q', NOTHING, options());
          writing(build)(to);
        }),
        { payloadBytesMax },
        ANY_VERSION,
      );
    const build = (to: RequestEncoder): void => {
      to.add('q', bytesOf('12345'), options());
      to.complete(1, 1, bytesOf('123456'));
    };
    expect(faultOf(build, 6)).toBeUndefined();
    expect(faultOf(build, 5)).toMatchObject({ code: 'TOO_LARGE', operations: [1] });
    expect(faultOf((to) => to.claim('q', claimOptions()), 5)).toMatchObject({ code: 'INVALID_REQUEST', operations: [1] });
    expect(faultOf(() => undefined, 5)).toMatchObject({ code: 'INVALID_REQUEST', operations: [1] });
  });

  it('is one of several operations of a request, and leaves their queue and policy as they were', () => {
    const queue = new TestQueue();
    const results = queue.send((to) => {
      to.add('a', bytesOf('1'), options());
      writing((inner) => inner.add('b', bytesOf('2'), options({ keepCompleted: 5 })))(to);
      to.add('a', bytesOf('3'), options());
    });
    expect(results).toMatchObject([{ id: 1 }, { results: [{ id: 2 }] }, { id: 3 }]);
    expect([1, 2, 3].map((id) => queue.job(id)?.queue)).toEqual(['a', 'b', 'a']);
  });

  it('begins with the version of the machine that has it', () => {
    const queue = new TestQueue(undefined, TRANSACTIONS_VERSION - 1);
    const build = writing((to) => to.add('q', bytesOf('x'), options()));
    expect(queue.do(build)).toMatchObject(INVALID);
    queue.version = TRANSACTIONS_VERSION;
    expect(queue.do(build)).toMatchObject({ type: 'transacted' });
  });
});
