import { join } from 'node:path';
import { type JobEvent, openCluster, Queue, QueueEvents, Worker } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { RunningCommand } from './command.ts';
import { aCluster, aFolder, eventually, settledLeader } from './support.ts';

const ROUNDS = 4;
const JOBS = 25;

describe('the events of a queue', () => {
  it('come once each, in order, whichever nodes are killed meanwhile, and a job is awaited across it', async () => {
    await using scene = await aCluster();
    const { cluster, client, queue } = scene;
    await settledLeader(cluster);
    await using events = new QueueEvents('work', { connection: client });
    const seen: string[] = [];
    const ids: string[] = [];
    const errors: Error[] = [];
    for (const name of ['added', 'active', 'completed'] as const)
      events.on(name, ({ jobId }: JobEvent, id: string) => {
        seen.push(`${name} ${jobId}`);
        ids.push(id);
      });
    events.on('error', (error) => errors.push(error));
    await events.waitUntilReady();
    const added: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const bulk = await queue.addBulk(Array.from({ length: JOBS }, () => ({ name: 'job', data: round })));
      added.push(...bulk.map(({ id }) => id));
      // Every other one is a follower.
      const leader = await settledLeader(cluster);
      const victim = round % 2 === 0 ? leader : (cluster.nodeIds().find((node) => node !== leader) ?? leader);
      await faultsOf(cluster).kill(victim);
      await cluster.restart(victim);
    }
    const last = await queue.add('job', ROUNDS);
    const result = last.waitUntilFinished(events);
    await using _worker = new Worker('work', ({ data }) => data, { connection: client, concurrency: 10 });
    expect(await result).toBe(ROUNDS);
    await eventually('all are reported', async () => seen.filter((name) => name.startsWith('completed')).length === added.length + 1);
    const all = [...added, last.id];
    for (const name of ['added', 'active', 'completed'])
      expect(seen.filter((one) => one.startsWith(name)).toSorted()).toEqual(all.map((id) => `${name} ${id}`).toSorted());
    const numbers = ids.map((id) => Number(id.split('-')[1]));
    expect(numbers).toEqual([...new Set(numbers)].toSorted((one, other) => one - other));
    expect(errors).toEqual([]);
  });

  it('are followed on the command line, from an id on, as JSON lines', async () => {
    using folder = aFolder();
    const on = ['--data-dir', join(folder.path, 'data')];
    await using cluster = await openCluster({ dataDir: join(folder.path, 'data'), nodes: 1 });
    await using queue = new Queue('work', { connection: cluster });
    await using events = new QueueEvents('work', { connection: cluster });
    await events.waitUntilReady();
    await queue.add('job', 1, { jobId: 'first', delay: 3_600_000 });
    await using follower = RunningCommand.start('events', 'work', '--from', '0', '--json', ...on);
    await follower.printed('"event":"delayed"');
    await queue.remove('first');
    await follower.printed('"event":"removed"');
    follower.signal('SIGINT');
    expect((await follower.ended()).code).toBe(130);
    expect(follower.records).toMatchObject([
      { event: 'added', jobId: 'first' },
      { event: 'delayed', jobId: 'first', delay: expect.any(Number), timestamp: expect.any(Number) },
      { event: 'removed', jobId: 'first', prev: 'delayed' },
    ]);
    await using again = RunningCommand.start('events', 'work', '--from', String(follower.records[1]?.id), ...on);
    await again.printed(' removed {"jobId":"first","prev":"delayed"}');
    expect(again.out).toMatch(/^\d{4}-.*Z \d+-3 removed /);
    await using lost = RunningCommand.start('events', 'work', '--from', '1-1', ...on);
    expect(await lost.ended()).toMatchObject({ code: 1, err: expect.stringContaining('EVENTS_LOST') });
  });
});
