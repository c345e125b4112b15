import { describe, expect, it } from 'vitest';
import { addOptionsOf, isValidAtSight, type JobOptions, jobOptionsOf } from '../../src/client/api/job-options.ts';
import { InvalidOptionError, UnknownOptionError } from '../../src/client/errors.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();

describe('the options removeOnComplete and removeOnFail with an age', () => {
  it.each([
    [{ age: 5 }, { keepCompleted: -1, keepCompletedMs: 5_000 }, { age: 5 }],
    [
      { age: 0.5, count: 7 },
      { keepCompleted: 7, keepCompletedMs: 500 },
      { age: 0.5, count: 7 },
    ],
    [{ count: 7, limit: 3 }, { keepCompleted: 7, keepCompletedMs: 0 }, 7],
    [{ age: 0 }, { keepCompleted: 0, keepCompletedMs: 0 }, true],
    [{}, { keepCompleted: -1, keepCompletedMs: 0 }, false],
    [5, { keepCompleted: 5, keepCompletedMs: 0 }, 5],
  ] as const)('are those of the request: %j', (removeOnComplete, sent, shown) => {
    const added = addOptionsOf({ removeOnComplete });
    expect(added).toMatchObject(sent);
    expect(jobOptionsOf(added).removeOnComplete).toEqual(shown);
    const { keepCompleted, keepCompletedMs } = sent;
    expect(addOptionsOf({ removeOnFail: removeOnComplete })).toMatchObject({ keepFailed: keepCompleted, keepFailedMs: keepCompletedMs });
    expect(isValidAtSight({ removeOnComplete })).toBe(true);
  });

  it('are those of the queue where a job has none', () => {
    const defaults = addOptionsOf({ removeOnComplete: { age: 5 }, removeOnFail: { age: 9, count: 2 } });
    expect(addOptionsOf({ removeOnComplete: true }, defaults)).toMatchObject({
      keepCompleted: 0,
      keepCompletedMs: 0,
      keepFailed: 2,
      keepFailedMs: 9_000,
    });
  });

  it.each([{ age: -1 }, { age: Number.NaN }, { age: '5' }, { count: 0.5 }, { age: 5, limit: 0 }, [], null, 'all'])(
    'are checked: %j',
    (kept) => {
      // The types do not allow it.
      const options = { removeOnFail: kept } as JobOptions;
      expect(isValidAtSight(options)).toBe(false);
      expect(() => addOptionsOf(options)).toThrow(InvalidOptionError);
    },
  );

  it('have no other names', () => {
    const options = { removeOnFail: { age: 5, Count: 5 } } as object;
    expect(isValidAtSight(options)).toBe(false);
    expect(() => addOptionsOf(options)).toThrow(/removeOnFail/);
    expect(() => addOptionsOf(options)).toThrow(UnknownOptionError);
  });

  it('removes a job when its age is over', async () => {
    const { queue, aWorker } = aSetting();
    const { id } = await queue.add('n', 1, { removeOnComplete: { age: 0.02 } });
    aWorker(() => 1);
    await eventually(async () => {
      // Time passes with the entries of the log.
      await queue.add('n', 2, { delay: 60_000_000 });
      expect(await queue.getJobState(id)).toBe('unknown');
    });
  });

  it('keep a job for its age', async () => {
    const { queue } = aClient();
    const job = await queue.add('n', 1, { removeOnComplete: { age: 5, count: 9 } });
    expect(job.opts).toMatchObject({ removeOnComplete: { age: 5, count: 9 }, removeOnFail: false });
  });
});
