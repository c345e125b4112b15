import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError, type Job, openCluster, Queue, restoreBackup, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { jobraft } from './command.ts';
import { SharedProcess } from './shared-process.ts';
import { aFolder, eventually } from './support.ts';

const NEVER_MS = 3_600_000;
/** More than one checkpoint, and payloads that stay in the log. */
const LIMITS = { checkpointEntries: 20, tailEntries: 5 };
const LARGE = 'x'.repeat(20_000);

const idsOf = (jobs: readonly Job[]): string[] => jobs.map(({ id }) => id);

/** Adds jobs until it is stopped. */
class Load {
  readonly acknowledged: string[] = [];
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(queue: Queue) {
    this.#ended = this.#run(queue);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(queue: Queue): Promise<void> {
    for (let n = 0; !this.#isStopped; n += 1) this.acknowledged.push((await queue.add('load', { n })).id);
  }
}

describe('a backup', { timeout: 300_000 }, () => {
  it('that is taken under load has everything that was acknowledged before, in a new cluster of another size', async () => {
    using folder = aFolder();
    const file = join(folder.path, 'jobs.backup');
    const [dataDir, restored] = [join(folder.path, 'data'), join(folder.path, 'restored')];
    let before: readonly string[] = [];
    {
      await using cluster = await startCluster({ nodes: 3, dataDir, limits: LIMITS });
      await using queue = new Queue('work', { connection: cluster });
      await queue.addBulk([1, 2, 3].map((n) => ({ name: 'large', data: `${n}${LARGE}` })));
      await queue.add('fails', 1, { priority: 1 });
      await queue.add('later', 1, { delay: NEVER_MS });
      const worker = new Worker(
        'work',
        ({ name }) => {
          if (name === 'fails') throw new Error('no luck');
          return `did ${name}`;
        },
        { connection: cluster },
      );
      await eventually('the jobs are finished', async () => (await queue.getJobCountByTypes('completed', 'failed')) === 4);
      await worker.close();
      const load = new Load(queue);
      await eventually('there are acknowledged jobs', async () => load.acknowledged.length >= 100);
      before = [...load.acknowledged];
      const taken = await cluster.backup(file);
      await load.stop();
      expect(taken).toMatchObject({ path: file, index: expect.any(Number), term: expect.any(Number) });
      expect(readFileSync(file).length).toBe(taken.bytes);
      // The log behind a checkpoint, not all of it.
      expect(readFileSync(file, 'latin1')).toContain('"checkpoint":{"index":');
      expect(await restoreBackup({ file, dataDir: restored, nodes: 5 })).toEqual({
        dataDir: restored,
        nodes: [1, 2, 3, 4, 5],
        index: taken.index,
      });
    }
    await using cluster = await startCluster({ nodes: 5, dataDir: restored });
    await using queue = new Queue('work', { connection: cluster });
    const waiting = idsOf(await queue.getWaiting());
    expect(before.filter((id) => !waiting.includes(id))).toEqual([]);
    expect((await queue.getDelayed()).map(({ name }) => name)).toEqual(['later']);
    expect((await queue.getFailed()).map(({ failedReason }) => failedReason)).toEqual(['no luck']);
    const done = await queue.getJobs('completed', { asc: true });
    expect(done.map(({ data }) => data)).toEqual([1, 2, 3].map((n) => `${n}${LARGE}`));
    expect((await cluster.members()).voters).toEqual([1, 2, 3, 4, 5]);
    const states = await eventually('all nodes have applied the same', async () => {
      const found = await cluster.replicaStates();
      return found.length === 5 && new Set(found.map(({ applied }) => applied)).size === 1 ? found : undefined;
    });
    expect(new Set(states.map(({ digest }) => digest)).size).toBe(1);
    const next = await queue.add('next', 1);
    expect(Number(next.id)).toBeGreaterThan(Math.max(...waiting.map(Number)));
  });

  it('makes a cluster that no file of the old one can join', async () => {
    using folder = aFolder();
    const file = join(folder.path, 'jobs.backup');
    const [dataDir, restored] = [join(folder.path, 'data'), join(folder.path, 'restored')];
    {
      await using cluster = await startCluster({ nodes: 1, dataDir });
      await using queue = new Queue('work', { connection: cluster });
      await queue.add('job', 1);
      await cluster.backup(file);
    }
    await restoreBackup({ file, dataDir: restored, nodes: 1 });
    rmSync(join(restored, 'node-1'), { recursive: true });
    cpSync(join(dataDir, 'node-1'), join(restored, 'node-1'), { recursive: true });
    await expect(startCluster({ nodes: 1, dataDir: restored })).rejects.toMatchObject({ code: 'STORAGE_FOREIGN' });
  });

  it('of a shared cluster is taken by the process that hosts it; a job that was active is done again once its lease has ended', async () => {
    using folder = aFolder();
    const dataDir = join(folder.path, 'data');
    {
      await using host = await SharedProcess.opened(dataDir);
      await using cluster = await openCluster({ nodes: 3, dataDir });
      await using queue = new Queue('work', { connection: cluster });
      await host.call('add', { count: 1 });
      await host.call('work', { holdMs: NEVER_MS, options: { lockDuration: 1_000 } });
      await eventually('the job is active', async () => (await queue.getActiveCount()) === 1);
      await queue.add('waits', 1);
      const taken = await cluster.backup(join(folder.path, 'jobs.backup'));
      expect(taken.path).toBe(join(folder.path, 'jobs.backup'));
      await expect(cluster.backup(taken.path)).rejects.toMatchObject({
        name: 'BackupError',
        code: 'BACKUP_EXISTS',
        outcome: 'not-applied',
      });
    }
    const on = ['--data-dir', join(folder.path, 'restored')];
    expect(await jobraft('restore', join(folder.path, 'jobs.backup'), '--nodes', '1', ...on)).toMatchObject({ code: 0, err: '' });
    await using cluster = await openCluster({ nodes: 1, dataDir: join(folder.path, 'restored') });
    await using queue = new Queue('work', { connection: cluster });
    const worker = new Worker('work', () => 'done', { connection: cluster });
    await eventually('both jobs are done', async () => (await queue.getCompletedCount()) === 2);
    await worker.close();
    const again = await jobraft('backup', join(folder.path, 'again.backup'), ...on, '--json');
    expect(JSON.parse(again.out)).toMatchObject({ path: join(folder.path, 'again.backup'), node: 1 });
  });

  it('overwrites nothing, and is restored only into a new folder', async () => {
    using folder = aFolder();
    const file = join(folder.path, 'jobs.backup');
    await using cluster = await startCluster({ nodes: 1, dataDir: join(folder.path, 'data') });
    await cluster.backup(file);
    await expect(cluster.backup(file)).rejects.toMatchObject({ code: 'BACKUP_EXISTS' });
    await expect(cluster.backup(join(folder.path, 'missing', 'jobs.backup'))).rejects.toMatchObject({ code: 'BACKUP_FAILED' });
    const used = join(folder.path, 'used');
    mkdirSync(used);
    writeFileSync(join(used, 'mine'), 'kept');
    for (const dataDir of [used, join(used, 'mine'), join(folder.path, 'data')])
      await expect(restoreBackup({ file, dataDir })).rejects.toMatchObject({ code: 'BACKUP_EXISTS' });
    expect(readdirSync(used)).toEqual(['mine']);
    expect(readdirSync(folder.path).sort()).toEqual(['data', 'jobs.backup', 'used']);
    await expect(restoreBackup({ file, dataDir: used, node: 3 } as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('that is truncated or altered anywhere is an error that says so, and leaves nothing', async () => {
    using folder = aFolder();
    const file = join(folder.path, 'jobs.backup');
    {
      await using cluster = await startCluster({ nodes: 1, dataDir: join(folder.path, 'data') });
      await using queue = new Queue('work', { connection: cluster });
      await queue.add('job', 1);
      await cluster.backup(file);
    }
    const whole = readFileSync(file);
    const copy = join(folder.path, 'copy.backup');
    const problemOf = async (): Promise<string> => {
      const thrown: unknown = await restoreBackup({ file: copy, dataDir: join(folder.path, 'restored'), nodes: 1 }).catch((error) => error);
      expect(thrown).toBeInstanceOf(BackupError);
      expect((thrown as BackupError).code).toMatch(/^BACKUP_(?:DAMAGED|FORMAT)$/);
      return (thrown as BackupError).message;
    };
    for (let bytes = 0; bytes < whole.length; bytes += 37) {
      copyFileSync(file, copy);
      truncateSync(copy, bytes);
      expect(await problemOf()).toMatch(/is truncated|is not a backup/);
      const altered = Buffer.from(whole);
      altered[bytes] = (altered[bytes] ?? 0) ^ 0x10;
      writeFileSync(copy, altered);
      expect(await problemOf()).toMatch(/was altered|is truncated|is not a backup|version/);
    }
    expect(existsSync(join(folder.path, 'restored'))).toBe(false);
    await expect(restoreBackup({ file: folder.path, dataDir: join(folder.path, 'restored') })).rejects.toMatchObject({
      code: 'BACKUP_MISSING',
      message: `${folder.path} is a folder. Name the file that "jobraft backup" or cluster.backup() wrote.`,
    });
    const { code, err } = await jobraft('restore', copy, '--data-dir', join(folder.path, 'restored'));
    expect(code).toBe(2);
    expect(err).toMatch(/^jobraft: BACKUP_DAMAGED: [^\n]+ was altered[^\n]+\n$/);
  });

  it('of a cluster in memory is rejected', async () => {
    using folder = aFolder();
    await using cluster = await startCluster({ nodes: 1, storage: 'memory' });
    await expect(cluster.backup(join(folder.path, 'jobs.backup'))).rejects.toMatchObject({ code: 'CONFIG_INVALID', key: 'storage' });
  });
});
