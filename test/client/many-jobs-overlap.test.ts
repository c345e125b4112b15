import { afterEach, describe, expect, it, vi } from 'vitest';
import { QueueCommands } from '../../src/client/api/job-commands.ts';
import { JobStateError } from '../../src/client/errors.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();
afterEach(() => void vi.restoreAllMocks());

const LONG_MS = 60_000_000;

/** What happens between the count of the jobs and the first page of their ids. */
function afterCount(happen: () => Promise<unknown>): void {
  const { counts } = QueueCommands.prototype;
  vi.spyOn(QueueCommands.prototype, 'counts').mockImplementationOnce(async function (this: QueueCommands, consistency) {
    const counted = await counts.call(this, consistency);
    await happen();
    return counted;
  });
}

const twenty = (opts: { readonly delay?: number }) => Array.from({ length: 20 }, (_, data) => ({ name: 'new', data, opts }));

describe('jobs that were there at the call, when others come before them', () => {
  it('are drained', async () => {
    const { queue } = aClient();
    await queue.add('old', 1, { jobId: 'old', priority: 10 });
    afterCount(() => queue.addBulk(twenty({})));
    await queue.drain();
    expect(await queue.getJobState('old')).toBe('unknown');
  });

  it('are promoted', async () => {
    const { queue } = aClient();
    await queue.add('old', 1, { jobId: 'old', delay: LONG_MS });
    afterCount(() => queue.addBulk(twenty({ delay: LONG_MS / 2 })));
    await queue.promoteJobs();
    expect(await queue.getJobState('old')).toBe('waiting');
  });
});

/** A worker has job 1, and keeps it. */
async function aBusyQueue() {
  const setting = aSetting();
  const { queue, aWorker } = setting;
  const hold = async () => {
    await queue.add('n', 1);
    aWorker(async (_job, _token, signal) => await new Promise((resolve) => signal?.addEventListener('abort', resolve)));
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
  };
  return { ...setting, hold };
}

describe('an obliteration that is rejected because workers have jobs', () => {
  it('sends nothing that changes the queue', async () => {
    const { queue, hold } = await aBusyQueue();
    await hold();
    const pause = vi.spyOn(queue, 'pause');
    const resume = vi.spyOn(queue, 'resume');
    await expect(queue.obliterate()).rejects.toBeInstanceOf(JobStateError);
    expect([pause.mock.calls, resume.mock.calls]).toEqual([[], []]);
  });

  it('does not leave the queue paused when a worker got a job since the first check, and another call paused it', async () => {
    const { queue, hold } = await aBusyQueue();
    afterCount(async () => {
      await hold();
      // As an overlapping call does.
      await queue.pause();
    });
    await expect(queue.obliterate()).rejects.toBeInstanceOf(JobStateError);
    expect(await queue.isPaused()).toBe(false);
  });

  it('leaves it paused when it was', async () => {
    const { queue, hold } = await aBusyQueue();
    await hold();
    await queue.pause();
    await expect(Promise.allSettled([queue.obliterate(), queue.obliterate()])).resolves.toMatchObject([
      { status: 'rejected' },
      { status: 'rejected' },
    ]);
    expect(await queue.isPaused()).toBe(true);
  });
});
