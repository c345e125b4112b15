import { afterEach, describe, expect, it, vi } from 'vitest';
import { QueueCommands } from '../../src/client/api/job-commands.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';

closeClientsAfterEach();
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
