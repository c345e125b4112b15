import { describe, expect, it } from 'vitest';
import { ClientClosedError, InvalidOptionError, NoLeaderError, OverloadedError, UnknownOptionError } from '../../src/client/errors.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { countTimeInTurns } from './turn-time.ts';

countTimeInTurns();
closeClientsAfterEach();

describe('reading', () => {
  it('does not go through the log, and is linearizable unless requested otherwise', async () => {
    const { cluster, queue } = aClient();
    const { id } = await queue.add('n', 1);
    const requests = cluster.requests.length;
    expect((await queue.getJob(id))?.data).toBe(1);
    expect((await queue.getJobCounts({ consistency: 'lease' })).waiting).toBe(1);
    expect((await queue.getJobCounts({ consistency: 'stale' })).waiting).toBe(1);
    expect(cluster.requests.length).toBe(requests);
    expect(cluster.queries.map(({ consistency }) => consistency)).toEqual(['linearizable', 'lease', 'stale']);
  });

  it('in one turn becomes one query for each consistency', async () => {
    const { cluster, client, queue } = aClient();
    await client.connect();
    const reads = Array.from({ length: 300 }, (_, n) => queue.getJobCounts({ consistency: n % 3 === 0 ? 'stale' : 'linearizable' }));
    await Promise.all(reads);
    expect(cluster.queries.map(({ consistency, operations }) => [consistency, operations])).toEqual([
      ['stale', 100],
      ['linearizable', 200],
    ]);
  });

  it('is repeated when the reply is lost', async () => {
    const { cluster, client, queue } = aClient([1, 2, 3], { silenceMs: 20 });
    await client.connect();
    cluster.repliesToSwallow = 1;
    expect((await queue.getJobCounts()).waiting).toBe(0);
    expect(cluster.queries.length).toBeGreaterThan(1);
  });

  it('is sent to another node when the current one stops', async () => {
    const { cluster, client, queue } = aClient([1, 2, 3], { silenceMs: 50 });
    await client.connect();
    cluster.silent.add(1);
    const reading = queue.getJobCounts();
    cluster.stop(1);
    cluster.elect(2);
    expect((await reading).waiting).toBe(0);
    expect(cluster.queries.at(-1)?.node).not.toBe(1);
  });

  it('waits for a leader until its deadline, unless it may be stale', async () => {
    const { cluster, client, queue } = aClient([1, 2], { deadlineMs: 150, silenceMs: 20 });
    await client.connect();
    cluster.leader = undefined;
    await expect(queue.getJobCounts()).rejects.toBeInstanceOf(NoLeaderError);
    await expect(queue.getJobCounts({ consistency: 'lease' })).rejects.toBeInstanceOf(NoLeaderError);
    expect((await queue.getJobCounts({ consistency: 'stale' })).waiting).toBe(0);
  });

  it('has no effect, also when it was sent and its reply never comes', async () => {
    const { cluster, client, queue } = aClient([1, 2], { deadlineMs: 150, silenceMs: 20 });
    await client.connect();
    cluster.silent.add(1).add(2);
    await expect(queue.getJobCounts()).rejects.toMatchObject({
      code: 'DEADLINE',
      outcome: 'not-applied',
      message: expect.stringContaining('it is safe to repeat'),
    });
  });

  it('stale needs no leader from the beginning, and the client still finds one later', async () => {
    const { cluster, queue } = aClient([1, 2]);
    cluster.leader = undefined;
    expect((await queue.getJobCounts({ consistency: 'stale' })).waiting).toBe(0);
    cluster.elect(2);
    await queue.add('n', 1);
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });

  it('finds no leader by a stale reply, and is not sent without a leader', async () => {
    const { cluster, client, queue } = aClient([1, 2], { deadlineMs: 2_000, silenceMs: 50 });
    await client.connect();
    cluster.leader = undefined;
    const adding = queue.add('n', 1);
    await queue.getJobCounts({ consistency: 'stale' });
    cluster.elect(2);
    await adding;
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });

  it('is rejected when the client is closed, holds too much, or has unknown options', async () => {
    const { client, cluster, queue } = aClient([1], { queuedOperationsMax: 2 });
    await client.connect();
    await expect(queue.getJobCounts({ consistency: 'strong' as 'stale' })).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(queue.getJob('1', { consistensy: 'stale' } as object)).rejects.toBeInstanceOf(UnknownOptionError);
    cluster.silent.add(1);
    const held = [queue.getJobCounts(), queue.getJobCounts()];
    await expect(queue.getJobCounts()).rejects.toBeInstanceOf(OverloadedError);
    cluster.silent.delete(1);
    await Promise.all(held);
    await client.close();
    await expect(queue.getJobCounts()).rejects.toBeInstanceOf(ClientClosedError);
  });

  it('that is in flight is awaited by close', async () => {
    const { client, queue } = aClient();
    const reading = queue.getJobCounts();
    await client.close();
    expect((await reading).waiting).toBe(0);
  });
});
