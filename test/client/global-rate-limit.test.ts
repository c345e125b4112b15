import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/client/errors.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeAfterEach();

const HOUR_MS = 3_600_000;

describe('the global rate limit of a queue', () => {
  it('is set, read and removed, and is null without a limit', async () => {
    const { queue } = aSetting();
    expect([await queue.getGlobalRateLimit(), await queue.getRateLimitTtl()]).toEqual([null, 0]);
    await queue.setGlobalRateLimit(3, HOUR_MS);
    expect(await queue.getGlobalRateLimit()).toEqual({ max: 3, duration: HOUR_MS });
    expect(await queue.getGlobalRateLimit({ consistency: 'stale' })).toEqual({ max: 3, duration: HOUR_MS });
    await queue.removeGlobalRateLimit();
    await queue.removeGlobalRateLimit();
    expect(await queue.getGlobalRateLimit()).toBeNull();
  });

  it.each([
    [0, 1],
    [1, 0],
    [1.5, 1],
    ['1', 1],
    [1, '1'],
    [2 ** 31, 1],
    [1, Number.POSITIVE_INFINITY],
  ])('%s within %s is rejected', async (max, duration) => {
    const { queue } = aSetting();
    await expect(queue.setGlobalRateLimit(max as number, duration as number)).rejects.toBeInstanceOf(InvalidOptionError);
  });

  it('bounds how many jobs all workers get, and shows for how long', async () => {
    const { queue, aWorker } = aSetting();
    await queue.setGlobalRateLimit(3, HOUR_MS);
    await queue.addBulk(Array.from({ length: 9 }, (_, data) => ({ name: 'n', data })));
    for (const concurrency of [1, 5]) aWorker(() => 1, { concurrency });
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(3));
    const ttlMs = await queue.getRateLimitTtl();
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(HOUR_MS);
    expect([await queue.getRateLimitTtl(3), await queue.getRateLimitTtl(4)]).toEqual([expect.any(Number), 0]);
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 6, active: 0, completed: 3 });
    await queue.setGlobalRateLimit(5, HOUR_MS);
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(5));
    await queue.removeGlobalRateLimit();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(9));
  });

  it('is removed with the queue', async () => {
    const { queue } = aSetting();
    await queue.setGlobalRateLimit(1, HOUR_MS);
    await queue.rateLimit(HOUR_MS);
    await queue.obliterate();
    expect([await queue.getGlobalRateLimit(), await queue.getRateLimitTtl()]).toEqual([null, 0]);
  });
});

describe('rateLimit of a queue', () => {
  it('lets workers get no job, until it is ended', async () => {
    const { queue, aWorker } = aSetting();
    await queue.rateLimit(HOUR_MS);
    await queue.add('n', 1);
    aWorker(() => 1);
    expect(await queue.getRateLimitTtl()).toBeGreaterThan(0);
    expect(await queue.getWaitingCount()).toBe(1);
    await queue.removeRateLimitKey();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(1));
    for (const odd of [0, -1, '5']) await expect(queue.rateLimit(odd as number)).rejects.toBeInstanceOf(InvalidOptionError);
  });
});

describe('the limiter of a worker', () => {
  it('bounds how many jobs all workers get, also those without one', async () => {
    const { queue, aWorker } = aSetting();
    await queue.addBulk(Array.from({ length: 9 }, (_, data) => ({ name: 'n', data })));
    const limiter = { max: 3, duration: HOUR_MS };
    for (let workers = 0; workers < 2; workers += 1) aWorker(() => 1, { concurrency: 5, limiter });
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(3));
    aWorker(() => 1);
    expect(await queue.getRateLimitTtl()).toBeGreaterThan(0);
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 6, active: 0, completed: 3 });
    await queue.removeRateLimitKey();
    await eventually(async () => expect(await queue.getCompletedCount()).toBeGreaterThan(3));
  });

  it.each([{}, { max: 1 }, { duration: 1 }, { max: 0, duration: 1 }, { max: 1, duration: 1, groupKey: 'x' }, 5])(
    '%j is rejected',
    (odd) => {
      const { aWorker } = aSetting();
      expect(() => aWorker(() => 1, { limiter: odd as never })).toThrow();
    },
  );
});
