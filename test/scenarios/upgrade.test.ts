import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Job, Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { setCheckpointFormat } from '../storage/newer-checkpoint.ts';
import { aFolder, eventually } from './support.ts';

/**
 * The folder of a cluster that commit 57471be wrote and that was killed, and that commit's output about its jobs. Its delayed job was due
 * on 2026-11-27, a day after it was added: it is waiting as soon as the cluster runs.
 */
const FIXTURE = join(import.meta.dirname, 'fixtures', 'data-of-57471be.tgz');

interface Expected {
  readonly jobs: readonly {
    readonly id: number;
    readonly queue: string;
    readonly name: string;
    readonly state: string;
    readonly attemptsMade: number;
    readonly attemptsMax: number;
    readonly token?: number;
    readonly failedReason?: string;
    readonly returnvalue?: string;
    readonly dataLength: number;
  }[];
}

const shownOf = (job: Job<unknown, unknown> | undefined) => {
  const { state, name, attemptsMade, opts, failedReason, returnvalue, data } = job ?? {};
  return { state, name, attemptsMade, attemptsMax: opts?.attempts, failedReason, returnvalue, dataLength: JSON.stringify(data)?.length };
};

describe('data that commit 57471be wrote', () => {
  it('opens with everything in it, and continues by the current rules', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-upgrade-'));
    execFileSync('tar', ['xzf', FIXTURE, '-C', dataDir]);
    const expected = JSON.parse(readFileSync(join(dataDir, 'expected.json'), 'utf8')) as Expected;
    const cluster = await startCluster({ nodes: 3, dataDir });
    const queues = new Map(['emails', 'thumbnails'].map((name) => [name, new Queue(name, { connection: cluster })]));
    const emails = queues.get('emails') as Queue;
    // The process that held these leases is gone, and this one has its files: the test must not wait an hour.
    await eventually('released leases and the end of the delay', async () => {
      const { active, delayed } = await emails.getJobCounts();
      return active + delayed === 0;
    });
    for (const { id, queue, token, ...job } of expected.jobs) {
      const { failedReason, returnvalue } = job;
      const state = job.state === 'active' || job.state === 'delayed' ? 'waiting' : job.state;
      const found = shownOf(await queues.get(queue)?.getJob(String(id)));
      expect({ id, ...found }).toEqual({ id, ...job, failedReason, returnvalue, state });
      expect(job.state === 'active').toBe(token !== undefined);
    }
    const processed: string[] = [];
    const worker = new Worker('emails', async (job) => void processed.push(job.name), { connection: cluster });
    await eventually('all processed', async () => (await emails.getJobCounts()).completed === 3 + 15);
    expect(new Set(processed)).toEqual(new Set(['delayed', 'retried', 'exponential', 'low', 'held', 'waiting']));
    await worker.close();
    const states = await eventually('equal replicas', async () => {
      const all = await cluster.replicaStates();
      return new Set(all.map(({ applied }) => applied)).size === 1 && all;
    });
    expect(new Set(states.map(({ digest }) => digest)).size).toBe(1);
    for (const queue of queues.values()) await queue.close();
    await cluster.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
});

describe('data of older development commits', () => {
  it('is rejected with the version that wrote it, and never called damaged', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-upgrade-'));
    writeFileSync(join(dataDir, 'cluster.json'), '{"nodes":[1]}\n');
    await expect(startCluster({ nodes: 1, dataDir })).rejects.toMatchObject({
      code: 'STORAGE_SCHEMA',
      message: expect.stringMatching(/before 37bee8d.*Nothing is damaged/),
    });
    rmSync(dataDir, { recursive: true, force: true });
  });
});

describe('data whose checkpoint a newer release wrote', () => {
  it('is rejected by name, and opens again with that release', async () => {
    using folder = aFolder();
    const options = { nodes: 1, dataDir: folder.path, limits: { checkpointEntries: 1, tailEntries: 1 } };
    const file = join(folder.path, 'node-1', 'jobraft.db');
    const opened = async (use: (queue: Queue) => Promise<void>): Promise<void> => {
      await using cluster = await startCluster(options);
      await using queue = new Queue('work', { connection: cluster });
      await use(queue);
    };
    await opened(async (queue) => {
      for (let n = 0; n < 5; n += 1) await queue.add('job', { n });
    });
    const own = setCheckpointFormat(file, 99);
    await expect(startCluster(options)).rejects.toMatchObject({
      code: 'VERSION_UNSUPPORTED',
      message: expect.stringContaining('The checkpoint is of format 99'),
    });
    setCheckpointFormat(file, own);
    await opened(async (queue) => expect((await queue.getJobCounts()).waiting).toBe(5));
  });
});
