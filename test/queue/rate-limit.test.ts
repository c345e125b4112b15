import { describe, expect, it } from 'vitest';
import { claimOptions, START_MS, TestQueue } from './harness.ts';

const MINUTE_MS = 60_000;

function setRate(queue: TestQueue, rateMax: number, rateMs = MINUTE_MS, name = 'q'): void {
  expect(queue.do((to) => to.command('setRateLimit', { queue: name, rateMax, rateMs }))).toEqual({ ok: true, type: 'done' });
}

function hold(queue: TestQueue, holdMs: number): void {
  expect(queue.do((to) => to.command('holdClaims', { queue: 'q', holdMs }))).toEqual({ ok: true, type: 'done' });
}

function ttlOf(queue: TestQueue, takenMin = 0): unknown {
  const result = queue.do((to) => to.command('rateLimitTtl', { queue: 'q', takenMin }));
  return result.ok && result.type === 'rateLimitTtl' ? result.ttlMs : result;
}

function rateOf(queue: TestQueue, name = 'q'): unknown {
  const [result] = queue.read((to) => to.command('rateLimit', { queue: name }));
  return result?.ok === true && result.type === 'rateLimit' ? [result.rateMax, result.rateMs] : result;
}

/** Leases last long. */
const claimed = (queue: TestQueue, count = 9): number[] => queue.claim(count, 100 * MINUTE_MS).map(({ id }) => id);

function queueOf(jobs: number, rateMax: number, rateMs = MINUTE_MS): TestQueue {
  const queue = new TestQueue();
  for (let job = 0; job < jobs; job += 1) queue.add('x');
  setRate(queue, rateMax, rateMs);
  queue.filled = [];
  return queue;
}

describe('a queue with a limit of its rate', () => {
  it('hands out as many jobs as it allows within the time, from the first one on, over all claims', () => {
    const queue = queueOf(9, 3);
    queue.pass(50_000);
    expect([claimed(queue, 2), ttlOf(queue)]).toEqual([[1, 2], 0]);
    queue.pass(10_000);
    expect([claimed(queue), claimed(queue)]).toEqual([[3], []]);
    expect([ttlOf(queue), queue.machine.waitingCount('q')]).toEqual([50_000, 0]);
    queue.pass(49_999);
    expect(claimed(queue)).toEqual([]);
    queue.pass(1);
    expect(claimed(queue)).toEqual([4, 5, 6]);
    expect(ttlOf(queue)).toBe(MINUTE_MS);
  });

  it('counts jobs of several claims in one request, and leaves other queues alone', () => {
    const queue = queueOf(5, 3);
    for (let job = 0; job < 5; job += 1) queue.add('x', {}, 'other');
    queue.apply(queue.request((to) => [2, 2, 2].forEach((count) => void to.claim('q', claimOptions(count)))));
    expect(queue.machine.counts('q')).toMatchObject({ active: 3, waiting: 2 });
    expect(queue.claim(5, 1000, 'other')).toHaveLength(5);
    expect([rateOf(queue), rateOf(queue, 'other'), rateOf(queue, 'unknown')]).toEqual([
      [3, MINUTE_MS],
      [0, 0],
      [0, 0],
    ]);
  });

  it('is due when its window ends, and then wakes claims that wait; without a window it is never due', () => {
    const queue = queueOf(2, 1);
    const before = queue.machine.nextLogDueMs;
    claimed(queue);
    expect(before).toBeGreaterThan(START_MS + MINUTE_MS);
    expect(queue.machine.nextLogDueMs).toBe(START_MS + MINUTE_MS);
    queue.filled = [];
    queue.pass(MINUTE_MS);
    expect(queue.filled).toEqual(['q']);
    expect(queue.machine.nextLogDueMs).toBeGreaterThan(START_MS + 2 * MINUTE_MS);
    queue.pass(MINUTE_MS);
    expect(queue.filled).toEqual(['q']);
  });

  it('counts a job that comes back again, as each claim takes it', () => {
    const queue = queueOf(1, 2);
    for (let times = 0; times < 2; times += 1) {
      const { id, token } = queue.claimOne();
      queue.do((to) => to.command('release', { jobId: id, token }));
    }
    expect(claimed(queue)).toEqual([]);
  });

  it('hands out none ahead that another worker may begin', () => {
    const queue = queueOf(5, 4);
    expect(queue.claim(4, 1000, 'q', { beginMax: 2 })).toHaveLength(2);
    expect(queue.claim(4, 1000, 'q', { beginMax: 0 })).toHaveLength(1);
  });

  it.each([
    ['is raised', 5, [2, 3, 4, 5]],
    ['is lowered below what was taken', 1, []],
    ['is removed', 0, [2, 3, 4, 5, 6]],
  ])('applies to the window that runs when it %s', (_how, rateMax, next) => {
    const queue = queueOf(6, 1);
    claimed(queue);
    setRate(queue, rateMax);
    expect(queue.filled).toEqual(next.length > 0 ? ['q'] : []);
    expect(claimed(queue)).toEqual(next);
  });

  it('ends a window that runs within a shorter time, and does not lengthen it', () => {
    const queue = queueOf(6, 1);
    claimed(queue);
    setRate(queue, 1, 2 * MINUTE_MS);
    expect(ttlOf(queue)).toBe(MINUTE_MS);
    setRate(queue, 1, 10);
    expect(ttlOf(queue)).toBe(10);
    queue.pass(10);
    expect(claimed(queue)).toEqual([2]);
  });

  it('keeps its window under a new leader, whose wall clock differs', () => {
    const queue = queueOf(2, 1);
    claimed(queue);
    queue.isFirstOfTerm = true;
    queue.wallStepMs = 1_000 * MINUTE_MS;
    queue.pass(MINUTE_MS - 1);
    expect(claimed(queue)).toEqual([]);
    queue.wallStepMs = -1_000 * MINUTE_MS;
    queue.pass(1);
    expect(claimed(queue)).toEqual([2]);
  });

  it('keeps its window over a restart, and without jobs as long as the limit is there', () => {
    const queue = queueOf(1, 1);
    const { id, token } = queue.claimOne();
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: true }));
    queue.checkpoint();
    const digest = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(digest);
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: false }));
    queue.do((to) => to.complete(id, token, new Uint8Array(0)));
    queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    queue.add('next');
    expect([rateOf(queue), claimed(queue), ttlOf(queue)]).toEqual([[1, MINUTE_MS], [], MINUTE_MS]);
    queue.pass(MINUTE_MS);
    expect(claimed(queue)).toHaveLength(1);
    expect(queue.machine.queueNames()).toEqual(['q']);
  });

  it('shows for how long another number of jobs would hold claims back', () => {
    const queue = queueOf(5, 4);
    expect(ttlOf(queue, 1)).toBe(0);
    claimed(queue, 2);
    expect([ttlOf(queue, 2), ttlOf(queue, 3), ttlOf(queue)]).toEqual([MINUTE_MS, 0, 0]);
  });

  it('has commands of version 8', () => {
    const old = new TestQueue(8_192, 7);
    for (const command of ['setRateLimit', 'holdClaims', 'rateLimitTtl'] as const) {
      const args = { queue: 'q', rateMax: 1, rateMs: 1, holdMs: 1, takenMin: 1 };
      expect(old.do((to) => to.command(command, args))).toMatchObject({ code: 'INVALID_REQUEST' });
    }
  });
});

describe('a queue whose claims are held back for a time', () => {
  it('hands out nothing, with or without a limit, and wakes claims when the time is over', () => {
    for (const queue of [queueOf(3, 0), queueOf(3, 2)]) {
      hold(queue, 500);
      queue.filled = [];
      expect([claimed(queue), ttlOf(queue), ttlOf(queue, 9)]).toEqual([[], 500, 500]);
      queue.pass(499);
      expect(claimed(queue)).toEqual([]);
      queue.pass(1);
      expect(queue.filled).toEqual(['q']);
      expect(claimed(queue)).toHaveLength(rateOf(queue)?.toString() === '0,0' ? 3 : 2);
    }
  });

  it('replaces the time or the window that runs, which may be shorter', () => {
    const queue = queueOf(3, 1);
    claimed(queue);
    hold(queue, 500);
    hold(queue, 100);
    queue.pass(100);
    expect(claimed(queue)).toEqual([2]);
    hold(queue, 0);
    expect(claimed(queue)).toEqual([3]);
  });

  it('is held back also when a limit is set or removed meanwhile', () => {
    const queue = queueOf(3, 1);
    hold(queue, 500);
    setRate(queue, 5);
    setRate(queue, 0);
    expect(claimed(queue)).toEqual([]);
    queue.pass(500);
    expect(claimed(queue)).toHaveLength(3);
  });

  it('exists without jobs until the time is over', () => {
    const queue = new TestQueue();
    hold(queue, 500);
    queue.pass(499);
    queue.restart();
    expect(queue.machine.queueNames()).toEqual(['q']);
    queue.pass(1);
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('keeps a bounded number of times that were replaced', () => {
    const queue = new TestQueue();
    for (let times = 0; times < 1_000; times += 1) hold(queue, 1_000_000 - times);
    queue.pass(1_000_000 - 999);
    expect(queue.machine.queueNames()).toEqual([]);
    expect(queue.machine.nextLogDueMs).toBeGreaterThan(START_MS + 1_000_000);
  });
});

describe('a claim that brings a limit', () => {
  const limiter = { max: 2, durationMs: MINUTE_MS };
  const limited = (queue: TestQueue, count = 9, changed = {}): number[] =>
    queue.claim(count, 100 * MINUTE_MS, 'q', { limiter, ...changed }).map(({ id }) => id);

  function queueWith(jobs: number): TestQueue {
    const queue = new TestQueue();
    for (let job = 0; job < jobs; job += 1) queue.add('x');
    return queue;
  }

  it('begins a window with its first job, in which all claims take no more than it allows', () => {
    const queue = queueWith(9);
    expect([limited(queue, 1), limited(queue), limited(queue), claimed(queue)]).toEqual([[1], [2], [], []]);
    expect([ttlOf(queue), queue.machine.waitingCount('q')]).toEqual([MINUTE_MS, 0]);
    queue.filled = [];
    queue.pass(MINUTE_MS);
    expect(queue.filled).toEqual(['q']);
    expect([limited(queue), claimed(queue)]).toEqual([[3, 4], []]);
  });

  it('leaves no trace without a job, nor once its window has ended', () => {
    const queue = queueWith(0);
    expect(limited(queue)).toEqual([]);
    expect(queue.machine.queueNames()).toEqual([]);
    queue.add('x');
    const { id, token } = queue.claimOne(1000, { limiter: { ...limiter, max: 1 } });
    queue.do((to) => to.complete(id, token, new Uint8Array(0)));
    queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    expect(queue.machine.queueNames()).toEqual(['q']);
    queue.add('next');
    expect(limited(queue)).toEqual([]);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 2 }));
    queue.restart();
    queue.pass(MINUTE_MS);
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it.each([
    ['lower', 1, MINUTE_MS, [[1], [], []]],
    ['higher', 3, MINUTE_MS, [[1, 2, 3], [], []]],
    ['higher, of a shorter time', 4, 1_000, [[1, 2, 3, 4], [], []]],
  ])('begins a window of the limit that its queue has, also a %s one', (_which, rateMax, rateMs, taken) => {
    const queue = queueWith(9);
    setRate(queue, rateMax, rateMs);
    expect([limited(queue), limited(queue), claimed(queue)]).toEqual(taken);
  });

  it('leaves its window to a limit that the queue gets, and keeps it when that is removed before', () => {
    const queue = queueWith(9);
    expect(limited(queue, 1)).toEqual([1]);
    setRate(queue, 0);
    expect([limited(queue), claimed(queue)]).toEqual([[2], []]);
    setRate(queue, 3, 1_000);
    expect([limited(queue), claimed(queue), ttlOf(queue)]).toEqual([[3], [], 1_000]);
    queue.pass(1_000);
    expect(claimed(queue)).toEqual([4, 5, 6]);
  });

  it('takes none ahead, and no more than one if it begins none', () => {
    const queue = queueWith(9);
    expect(limited(queue, 9, { beginMax: 1 })).toEqual([1]);
    expect(limited(queue, 9, { beginMax: 0 })).toEqual([2]);
  });

  it('is a command of version 8', () => {
    const old = new TestQueue(8_192, 7);
    old.add('x');
    expect(old.do((to) => to.claim('q', claimOptions(1, 1000, { limiter })))).toMatchObject({ code: 'INVALID_REQUEST' });
  });
});
