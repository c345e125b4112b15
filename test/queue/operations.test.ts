import { describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { NO_CLIENT, type RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { bytesOf, entryData, options, START_MS, TestQueue, textOf } from './harness.ts';

const none = new Uint8Array(0);

describe('a job that is added', () => {
  it('waits, with its payload and the time of the log', () => {
    const queue = new TestQueue();
    const id = queue.add('hello', { priority: 4 });
    expect(queue.job(id)).toMatchObject({
      id,
      queue: 'q',
      state: 'waiting',
      priority: 4,
      attempt: 0,
      addedMs: START_MS,
      failedReason: undefined,
    });
    expect(textOf(queue.job(id)?.payload)).toBe('hello');
    expect(queue.machine.counts('q')).toEqual({ delayed: 0, waiting: 1, active: 0, completed: 0, failed: 0 });
  });

  it('stays delayed until the log reaches its time, then waits in its old place', () => {
    const queue = new TestQueue();
    const early = queue.add('early', { delayMs: 500 });
    const late = queue.add('late');
    expect(queue.machine.nextWallDueMs).toBe(START_MS + 500);
    queue.pass(499);
    expect(queue.job(early)).toMatchObject({ state: 'delayed', dueMs: START_MS + 500 });
    queue.pass(1);
    expect(queue.job(early)?.state).toBe('waiting');
    expect(queue.claim(5).map((job) => job.id)).toEqual([early, late]);
  });

  it('gets ascending ids across queues, and each queue serves its own', () => {
    const queue = new TestQueue();
    expect([queue.add('a'), queue.add('b', {}, 'other'), queue.add('c')]).toEqual([1, 2, 3]);
    expect(queue.claim(9, 1000, 'other').map((job) => job.id)).toEqual([2]);
    expect(queue.machine.queueNames()).toEqual(['q', 'other']);
  });

  it('may have an empty payload', () => {
    const queue = new TestQueue();
    queue.add('');
    queue.restart();
    expect(queue.claimOne().payload).toEqual(none);
  });
});

describe('a claim', () => {
  it('serves low priorities first, and within one the order of adds (invariant 12)', () => {
    const queue = new TestQueue();
    const order = [5, 0, 5, 2, 0].map((priority) => ({ id: queue.add('x', { priority }), priority }));
    order.sort((a, b) => a.priority - b.priority || a.id - b.id);
    expect(queue.claim(10).map((job) => job.id)).toEqual(order.map((job) => job.id));
  });

  it('gives every claim a larger token and counts attempts (invariant 2)', () => {
    const queue = new TestQueue();
    queue.add('a');
    queue.add('b');
    const [a, b] = queue.claim(2);
    expect(b?.token).toBeGreaterThan(a?.token ?? 0);
    queue.do((to) => to.command('fail', { jobId: a?.id ?? 0, token: a?.token ?? 0, reason: 'no', retry: true }));
    expect(queue.claimOne()).toMatchObject({ id: a?.id, attempt: 2, attemptsMax: 3, token: (b?.token ?? 0) + 1 });
  });

  it('of an empty or unknown queue takes nothing and makes no queue', () => {
    const queue = new TestQueue();
    expect(queue.claim(3, 1000, 'nowhere')).toEqual([]);
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('serves a large backlog in order while older jobs come back', () => {
    const queue = new TestQueue();
    queue.send((to) => {
      for (let count = 0; count < 5000; count += 1) to.add('q', none, options());
    });
    const first = queue.claim(3000);
    const returned = first.filter((job) => job.id % 7 === 0);
    queue.send((to) => {
      for (const job of returned) to.command('release', { jobId: job.id, token: job.token });
    });
    const rest = queue.claim(10_000).map((job) => job.id);
    expect(rest).toEqual([...returned.map((job) => job.id), ...Array.from({ length: 2000 }, (_, at) => 3001 + at)]);
  });

  it('skips any number of removed jobs', () => {
    const queue = new TestQueue();
    for (let id = 1; id <= 300; id += 1) queue.add('x', { priority: id % 2 });
    queue.send((to) => {
      for (let id = 1; id <= 300; id += 1) if (id % 5 !== 0) to.command('remove', { queue: 'q', jobId: id });
    });
    expect(queue.machine.waitingCount('q')).toBe(60);
    const claimed = queue.claim(100).map((job) => job.id);
    expect(claimed).toEqual([...claimed].sort((a, b) => (a % 2) - (b % 2) || a - b));
    expect(claimed).toHaveLength(60);
  });
});

describe('the holder of a lease', () => {
  it('completes the job once, and its result can be read', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne();
    expect(queue.do((to) => to.complete(id, token, bytesOf('42')))).toEqual({ ok: true, type: 'done' });
    expect(queue.job(id)).toMatchObject({ state: 'completed', finishedMs: START_MS, dueMs: undefined });
    expect(textOf(queue.job(id)?.result)).toBe('42');
    expect(queue.do((to) => to.complete(id, token, none))).toMatchObject({ ok: false, code: 'LEASE_LOST', job: id });
  });

  it.each(['complete', 'fail', 'extend', 'release'] as const)('cannot %s with a token that is not current (invariant 3)', (operation) => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const old = queue.claimOne(1000);
    queue.pass(1000);
    const current = queue.claimOne();
    const before = queue.job(id);
    const perform = (token: number): unknown =>
      queue.do((to) => {
        if (operation === 'complete') to.complete(id, token, none);
        else if (operation === 'fail') to.command('fail', { jobId: id, token, reason: 'r', retry: true });
        else if (operation === 'extend') to.command('extend', { jobId: id, token, leaseMs: 5000 });
        else to.command('release', { jobId: id, token });
      });
    expect(perform(old.token)).toMatchObject({ ok: false, code: 'LEASE_LOST' });
    expect(queue.job(id)).toEqual(before);
    expect(perform(current.token)).toEqual({ ok: true, type: 'done' });
  });

  it('gets an error for a job that never existed or is gone', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { keepCompleted: 0 });
    const { token } = queue.claimOne();
    queue.do((to) => to.complete(id, token, none));
    expect(queue.do((to) => to.complete(id, token, none))).toMatchObject({ code: 'LEASE_LOST' });
    expect(queue.do((to) => to.complete(999, 1, none))).toMatchObject({ code: 'JOB_NOT_FOUND', job: 999, state: undefined });
  });

  it('keeps the job as long as it extends in time', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne(1000);
    queue.pass(999);
    queue.do((to) => to.command('extend', { jobId: id, token, leaseMs: 1000 }));
    queue.pass(999);
    expect(queue.job(id)).toMatchObject({ state: 'active', dueMs: START_MS + 1999 });
    queue.pass(1);
    expect(queue.job(id)?.state).toBe('waiting');
  });

  it('gives a job back uncharged, to its old place', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 1 });
    queue.add('y');
    const { token } = queue.claimOne();
    queue.do((to) => to.command('release', { jobId: id, token }));
    expect(queue.job(id)).toMatchObject({ state: 'waiting', attempt: 0 });
    expect(queue.claimOne()).toMatchObject({ id, attempt: 1 });
  });
});

describe('an attempt that fails', () => {
  it('is repeated until the attempts are used up, then the job is a dead letter with its reason (invariant 6)', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 2 });
    for (const [reason, state] of [
      ['first', 'waiting'],
      ['second', 'failed'],
    ] as const) {
      const { token } = queue.claimOne();
      queue.do((to) => to.command('fail', { jobId: id, token, reason, retry: true }));
      expect(queue.job(id)).toMatchObject({ state, failedReason: reason });
    }
    expect(queue.claim()).toEqual([]);
  });

  it('is not repeated if the worker forbids it', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 5 });
    const { token } = queue.claimOne();
    queue.do((to) => to.command('fail', { jobId: id, token, reason: 'ünfit', retry: false }));
    expect(queue.job(id)).toMatchObject({ state: 'failed', attempt: 1, failedReason: 'ünfit' });
  });

  it.each([
    ['none', [0, 0, 0]],
    ['fixed', [100, 100, 100]],
    ['exponential', [100, 200, 400]],
  ] as const)('waits with %s backoff', (type, pauses) => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 9, backoff: { type, delayMs: 100 } });
    for (const pauseMs of pauses) {
      const { token } = queue.claimOne();
      queue.do((to) => to.command('fail', { jobId: id, token, reason: 'r', retry: true }));
      expect(queue.job(id)).toMatchObject(pauseMs === 0 ? { state: 'waiting' } : { state: 'delayed', dueMs: queue.nowMs + pauseMs });
      queue.pass(pauseMs);
    }
  });

  it.each([
    [20_000_000, 86_400_000],
    [7 * 86_400_000, 7 * 86_400_000],
  ])('with a first pause of %d ms never waits longer than %d ms with exponential backoff', (delayMs, pauseMsMax) => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 99, backoff: { type: 'exponential', delayMs } });
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const { token } = queue.claimOne();
      queue.do((to) => to.command('fail', { jobId: id, token, reason: 'r', retry: true }));
      expect(queue.job(id)?.dueMs).toBe(queue.nowMs + queue.wallStepMs + Math.min(pauseMsMax, delayMs * 2 ** (attempt - 1)));
      queue.wallStepMs += pauseMsMax;
      queue.pass(0);
    }
  });
});

describe('a lease that ends', () => {
  it('before the job is begun counts nothing, however often', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 1 });
    for (let round = 0; round < 5; round += 1) {
      expect(queue.claimOne(1000, { beginMax: 0 })).toMatchObject({ id, attempt: 1, isBegun: false, stalls: 0 });
      queue.pass(1000);
      expect(queue.job(id)).toMatchObject({ state: 'waiting', attempt: 0, stalls: 0 });
    }
  });

  it('after the job is begun counts a stall and no attempt, and the job waits at once', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 1, backoff: { type: 'fixed', delayMs: 9999 } });
    expect(queue.claimOne(1000)).toMatchObject({ attempt: 1, isBegun: true });
    expect(queue.machine.nextLeaseEndMs).toBe(START_MS + 1000);
    queue.pass(1000);
    expect(queue.job(id)).toMatchObject({ state: 'waiting', attempt: 0, stalls: 1 });
    expect(queue.machine.nextLeaseEndMs).toBeUndefined();
  });

  it('fails the job once it stalled more often than its worker allows, with a reason', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 9 });
    for (const stalls of [1, 2, 3]) {
      const { token } = queue.claimOne(1000, { stalledMax: 2 });
      queue.do((to) => to.command('begin', { jobId: id, token }));
      queue.pass(1000);
      expect(queue.job(id)).toMatchObject({ state: stalls === 3 ? 'failed' : 'waiting', stalls, attempt: 0 });
    }
    expect(queue.job(id)?.failedReason).toMatch(/stalled more than allowable limit.*begun 3 times.*maxStalledCount 2/);
    expect(queue.machine.totals).toMatchObject({ stalled: 3, leasesExpired: 3, failed: 1 });
    queue.do((to) => to.command('retry', { queue: 'q', jobId: id }));
    expect(queue.job(id)).toMatchObject({ state: 'waiting', stalls: 0 });
  });

  it('leaves the begin of the job to its worker: a claim does not begin a stalled job', () => {
    const queue = new TestQueue();
    const stalled = queue.add('x');
    queue.claimOne(1000);
    queue.pass(1000);
    const other = queue.add('y');
    expect(queue.claim(2, 1000, 'q', { beginMax: 1 })).toMatchObject([
      { id: stalled, isBegun: false, stalls: 1 },
      { id: other, isBegun: true, stalls: 0 },
    ]);
  });

  it.each(['complete', 'fail'] as const)('counts no stall after an attempt ends: %s resets the stalls', (operation) => {
    const queue = new TestQueue();
    const id = queue.add('x', { attemptsMax: 2 });
    queue.claimOne(1000);
    queue.pass(1000);
    const { token } = queue.claimOne(1000);
    queue.do((to) =>
      operation === 'complete' ? to.complete(id, token, none) : to.command('fail', { jobId: id, token, reason: 'r', retry: true }),
    );
    // This implies that the job had begun.
    expect(queue.job(id)).toMatchObject({ state: operation === 'complete' ? 'completed' : 'waiting', attempt: 1, stalls: 0 });
  });

  it('began a fresh term under a new leader, whatever was left of it', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const short = queue.add('y');
    queue.claim(1, 1000);
    queue.claim(1, 5000);
    queue.nowMs += 999;
    queue.isFirstOfTerm = true;
    queue.apply();
    expect(queue.job(id)).toMatchObject({ dueMs: START_MS + 1999 });
    queue.pass(999);
    expect(queue.job(id)).toMatchObject({ state: 'active' });
    queue.restart();
    queue.pass(1);
    expect(queue.job(id)).toMatchObject({ state: 'waiting' });
    expect(queue.job(short)).toMatchObject({ state: 'active', dueMs: START_MS + 5999 });
  });

  it('is not moved by a wall clock that is stepped by a day, forth or back', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const delayed = queue.add('d', { delayMs: 1000 });
    queue.claimOne(1000);
    for (const days of [1, -1, 0]) {
      queue.wallStepMs = days * 86_400_000;
      queue.pass(333);
      expect(queue.job(id)).toMatchObject({ state: 'active', dueMs: START_MS + 1000 });
    }
    // The delay is measured on the wall clock: it ended a little less than a day early.
    expect(queue.job(delayed)).toMatchObject({ state: 'waiting' });
    queue.pass(1);
    expect(queue.job(id)).toMatchObject({ state: 'waiting' });
  });

  it('never ends by a clock that goes back', () => {
    const queue = new TestQueue();
    queue.add('x');
    queue.claimOne(1000);
    queue.pass(500);
    queue.nowMs = 5;
    queue.apply();
    expect(queue.machine.logMs).toBe(START_MS + 500);
  });

  it('is processed in bounded portions, the rest at the next entry', () => {
    const queue = new TestQueue();
    queue.send((to) => {
      for (let count = 0; count < 12_000; count += 1) to.add('q', none, options({ delayMs: 10 }));
    });
    queue.pass(10);
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 10_000, delayed: 2000 });
    expect(queue.machine.nextWallDueMs).toBe(START_MS + 10);
    queue.pass(0);
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 12_000, delayed: 0 });
  });
});

describe('a process that is gone', () => {
  it('gives its leases back: begun jobs stall, jobs claimed ahead count nothing, and others keep theirs', () => {
    const queue = new TestQueue();
    const [begun, ahead, other] = [queue.add('a'), queue.add('b'), queue.add('c')];
    queue.claim(2, 60_000, 'q', { beginMax: 1, holder: 5 });
    queue.claim(1, 60_000, 'q', { holder: 6 });
    queue.do((to) => to.command('releaseHolder', { holder: 5 }));
    expect(queue.job(begun)).toMatchObject({ state: 'waiting', attempt: 0, stalls: 1 });
    expect(queue.job(ahead)).toMatchObject({ state: 'waiting', attempt: 0, stalls: 0 });
    expect(queue.job(other)).toMatchObject({ state: 'active', attempt: 1 });
    expect(queue.do((to) => to.command('releaseHolder', { holder: 5 }))).toEqual({ ok: true, type: 'done' });
  });
});

describe('a request of a node itself', () => {
  const alone = (queue: TestQueue, build: Parameters<TestQueue['request']>[0]): Uint8Array => queue.request(build, 0, NO_CLIENT, 0);

  it('releases by token, has no effect the second time, and sends no reply', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne();
    const release = alone(queue, (to) => to.command('release', { jobId: id, token }));
    expect(queue.apply(release, release)).toEqual([]);
    expect(queue.job(id)).toMatchObject({ state: 'waiting', attempt: 0 });
    const again = queue.claimOne();
    queue.apply(release);
    expect(queue.job(id)).toMatchObject({ state: 'active', token: again.token });
  });

  it('adds and ends nothing, because it may arrive twice', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const { token } = queue.claimOne();
    queue.apply(
      alone(queue, (to) => {
        to.add('q', none, options());
        to.complete(id, token, none);
      }),
    );
    expect(queue.machine.counts('q')).toMatchObject({ waiting: 0, active: 1, completed: 0 });
  });
});

describe('retry and remove', () => {
  it('act only on jobs of the queue that they name', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    for (const build of [
      (to: RequestEncoder) => to.command('remove', { queue: 'other', jobId: id }),
      (to: RequestEncoder) => to.command('retry', { queue: 'other', jobId: id }),
    ]) {
      expect(queue.do(build)).toMatchObject({ ok: false, code: 'JOB_NOT_FOUND' });
    }
    expect(queue.machine.counts('q').waiting).toBe(1);
  });

  const failed = (queue: TestQueue): { id: number; token: number } => {
    const id = queue.add('x', { attemptsMax: 1 });
    const { token } = queue.claimOne();
    queue.do((to) => to.command('fail', { jobId: id, token, reason: 'r', retry: true }));
    return { id, token };
  };

  it('gives a dead letter all its attempts again, under new tokens', () => {
    const queue = new TestQueue();
    const { id, token } = failed(queue);
    expect(queue.do((to) => to.command('retry', { queue: 'q', jobId: id }))).toEqual({ ok: true, type: 'done' });
    expect(queue.job(id)).toMatchObject({ state: 'waiting', attempt: 0, failedReason: undefined, finishedMs: undefined });
    expect(queue.do((to) => to.complete(id, token, none))).toMatchObject({ code: 'LEASE_LOST' });
    const again = queue.claimOne();
    expect(again).toMatchObject({ id, attempt: 1 });
    expect(again.token).toBeGreaterThan(token);
    expect(queue.do((to) => to.complete(id, token, none))).toMatchObject({ code: 'LEASE_LOST' });
  });

  it('retries only failed jobs', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    expect(queue.do((to) => to.command('retry', { queue: 'q', jobId: id }))).toMatchObject({
      ok: false,
      code: 'JOB_STATE',
      state: 'waiting',
      job: id,
    });
    expect(queue.do((to) => to.command('retry', { queue: 'q', jobId: 77 }))).toMatchObject({ ok: false, code: 'JOB_NOT_FOUND' });
  });

  it('removes a job in any state but active', () => {
    const queue = new TestQueue();
    const dead = failed(queue).id;
    const active = queue.add('a');
    const { token } = queue.claimOne();
    const waiting = queue.add('w');
    const delayed = queue.add('d', { delayMs: 5 });
    expect(queue.do((to) => to.command('remove', { queue: 'q', jobId: active }))).toMatchObject({ code: 'JOB_STATE', state: 'active' });
    for (const id of [dead, waiting, delayed]) {
      expect(queue.do((to) => to.command('remove', { queue: 'q', jobId: id }))).toEqual({ ok: true, type: 'done' });
      expect(queue.do((to) => to.command('getJob', { jobId: id }))).toMatchObject({ code: 'JOB_NOT_FOUND' });
    }
    queue.do((to) => to.complete(active, token, none));
    expect(queue.do((to) => to.command('remove', { queue: 'q', jobId: active }))).toMatchObject({ ok: true });
    expect(queue.machine.measure(0).jobs).toBe(0);
    expect(queue.do((to) => to.command('remove', { queue: 'q', jobId: active }))).toMatchObject({ code: 'JOB_NOT_FOUND' });
  });
});

describe('retention', () => {
  const finish = (queue: TestQueue, keep: number, completes: boolean): number => {
    const id = queue.add('x', { attemptsMax: 1, keepCompleted: keep, keepFailed: keep });
    const { token } = queue.claimOne();
    queue.do((to) => (completes ? to.complete(id, token, none) : to.command('fail', { jobId: id, token, reason: 'r', retry: true })));
    return id;
  };

  it.each([true, false])('keeps the newest finished jobs (completed: %s)', (completes) => {
    const queue = new TestQueue();
    const ids = [1, 2, 3, 4].map(() => finish(queue, 2, completes));
    expect(ids.map((id) => queue.job(id) !== undefined)).toEqual([false, false, true, true]);
  });

  it('keeps none with 0, without touching the others, and all with -1', () => {
    const queue = new TestQueue();
    const kept = [finish(queue, -1, true), finish(queue, -1, true)];
    const gone = finish(queue, 0, true);
    expect(queue.job(gone)).toBeUndefined();
    expect(kept.every((id) => queue.job(id)?.state === 'completed')).toBe(true);
  });
});

describe('the log', () => {
  it('is applied in order, each entry once', () => {
    const queue = new TestQueue();
    expect(() => queue.machine.apply(asIndex(queue.index), entryData(0))).toThrow(/applied after/);
  });

  it('may hold entries without bytes', () => {
    const queue = new TestQueue();
    const before = queue.machine.logMs;
    queue.machine.apply(asIndex(queue.index + 5), none);
    expect(queue.machine).toMatchObject({ appliedIndex: queue.index + 5, logMs: before });
  });

  it('counts each transition', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    queue.claimOne(10);
    queue.pass(10);
    const { token } = queue.claimOne();
    queue.do((to) => to.complete(id, token, none));
    expect(queue.machine.totals).toMatchObject({ added: 1, claimed: 2, leasesExpired: 1, completed: 1 });
  });

  it('counts the jobs of a queue', () => {
    const queue = new TestQueue();
    queue.add('x');
    queue.add('y', { delayMs: 1 });
    expect(queue.do((to) => to.command('counts', { queue: 'q' }))).toMatchObject({
      counts: { waiting: 1, delayed: 1, active: 0, completed: 0, failed: 0 },
    });
    expect(queue.do((to) => to.command('counts', { queue: 'nowhere' }))).toMatchObject({ counts: { waiting: 0 } });
  });

  it('in version 2 drops queues without jobs for new ones', () => {
    const queue = new TestQueue(8_192, 2);
    queue.send((to) => {
      for (let at = 0; at < 10_000; at += 1) to.add(`queue-${at}`, none, options());
    });
    expect(queue.do((to) => to.add('one-more', none, options()))).toMatchObject({ ok: false, code: 'QUEUE_LIMIT' });
    queue.do((to) => to.command('remove', { queue: 'queue-0', jobId: 1 }));
    expect(queue.do((to) => to.add('one-more', none, options()))).toMatchObject({ ok: true });
    expect(queue.machine.queueNames()).not.toContain('queue-0');
  });
});
