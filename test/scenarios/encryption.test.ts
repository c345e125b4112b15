import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCluster, Queue, restoreBackup, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { jobraft } from './command.ts';
import { aFolder, eventually } from './support.ts';

/** What nothing on disk may show: a payload, the names of a queue and of a job, a result and a reason. */
const SECRETS = ['payload', 'queue', 'name', 'result', 'reason', 'large'].map((what) => `confidential-${what}`);
const [PAYLOAD = '', QUEUE = '', NAME = '', RESULT = '', REASON = '', LARGE = ''] = SECRETS;
/** Several checkpoints; a node that was stopped for a while needs a snapshot. */
const LIMITS = { checkpointEntries: 20, tailEntries: 5, tailBytes: 1_000, followerTailBytes: 1_000 };

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

/** Each file under the folder that shows a secret, as it is, or as JSON in UTF-16. */
function leaksIn(folder: string): string[] {
  return filesIn(folder).flatMap((path) => {
    const bytes = readFileSync(path);
    return SECRETS.filter((secret) => bytes.includes(secret) || bytes.includes(Buffer.from(secret, 'utf16le'))).map(
      (secret) => `${path}: ${secret}`,
    );
  });
}

const keyIn = async (command: 'new' | 'add', file: string): Promise<string> => {
  const { out } = await jobraft('keys', command, file, '--json');
  return String(JSON.parse(out).key);
};

describe('an encrypted cluster', { timeout: 300_000 }, () => {
  it('shows no payload, result or name in any file: databases, WALs, snapshots, backups, temporary files and logs', async () => {
    using folder = aFolder();
    const keys = join(folder.path, 'jobraft.keys');
    const [dataDir, backup] = [join(folder.path, 'data'), join(folder.path, 'jobs.backup')];
    const options = {
      nodes: 3,
      dataDir,
      limits: LIMITS,
      logs: { dir: join(folder.path, 'logs'), level: 'debug' as const },
      encryption: { keys },
    };
    const { encryption: _, ...without } = options;
    {
      await using cluster = await startCluster(without);
      await using queue = new Queue(`${QUEUE}-before`, { connection: cluster });
      await queue.add(NAME, PAYLOAD);
    }
    expect(leaksIn(folder.path)).not.toEqual([]);

    const first = await keyIn('new', keys);
    {
      await using cluster = await startCluster(options);
      await using queue = new Queue(QUEUE, { connection: cluster });
      await using worker = new Worker(
        QUEUE,
        ({ data }) => {
          if (data === REASON) throw new Error(REASON);
          return { [RESULT]: true };
        },
        { connection: cluster },
      );
      await queue.add(NAME, { [PAYLOAD]: 1 });
      await queue.add(NAME, REASON);
      await queue.addBulk([1, 2].map((n) => ({ name: NAME, data: `${n}${LARGE.repeat(2_000)}`, opts: { delay: 3_600_000 } })));
      await eventually('the jobs are finished', async () => (await queue.getJobCountByTypes('completed', 'failed')) === 2);
      await worker.close();
      const leader = await cluster.waitForLeader();
      const follower = cluster.nodeIds().find((node) => node !== leader) ?? 0;
      await cluster.stop(follower);
      for (let n = 0; n < 60; n += 1) await queue.add(NAME, PAYLOAD);
      await cluster.restart(follower);
      await eventually('the follower has installed a snapshot', async () =>
        /"event":"snapshot-installed"/.test(readFileSync(join(folder.path, 'logs', `node-${follower}.log`), 'utf8')),
      );
      await cluster.backup(backup);
      const register = await cluster.metrics.register.metrics();
      for (const node of cluster.nodeIds()) expect(register).toContain(`jobraft_encryption_key{node="${node}",key="${first}"} 1`);
      // While it runs: the latest values are in the WALs.
      expect(leaksIn(folder.path)).toEqual([]);
    }
    expect(leaksIn(folder.path)).toEqual([]);

    // Without the keys, and with others: a clear error, and nothing is changed.
    const others = join(folder.path, 'others.keys');
    await keyIn('new', others);
    const before = filesIn(dataDir).filter((path) => path.endsWith('.db'));
    const contents = before.map((path) => readFileSync(path));
    const missing = { code: 'STORAGE_KEY_MISSING', outcome: 'not-applied', message: expect.stringContaining(first) };
    await expect(startCluster(without)).rejects.toMatchObject(missing);
    await expect(openCluster({ nodes: 3, dataDir, encryption: { keys: others } })).rejects.toMatchObject(missing);
    expect(before.map((path) => readFileSync(path).equals(contents[before.indexOf(path)] ?? Buffer.alloc(0)))).toEqual([true, true, true]);
    const restored = join(folder.path, 'restored');
    for (const encryption of [undefined, { keys: others }])
      await expect(
        restoreBackup({ file: backup, dataDir: restored, ...(encryption === undefined ? {} : { encryption }) }),
      ).rejects.toMatchObject({
        code: 'BACKUP_KEY_MISSING',
      });

    // Rotation: after a start with a new first key, the file of keys needs no other one.
    const second = await keyIn('add', keys);
    {
      await using cluster = await openCluster({ ...options, logs: options.logs });
      await using queue = new Queue(QUEUE, { connection: cluster });
      expect(await queue.getJobCountByTypes('completed', 'failed', 'waiting', 'delayed')).toBe(64);
      expect(await cluster.metrics.register.metrics()).toContain(`key="${second}"`);
    }
    const lines = readFileSync(keys, 'utf8').split('\n');
    const alone = join(folder.path, 'alone.keys');
    writeFileSync(alone, lines.filter((line) => !line.startsWith(first)).join('\n'));
    {
      await using cluster = await startCluster({ ...options, encryption: { keys: alone } });
      await using queue = new Queue(QUEUE, { connection: cluster });
      expect((await queue.getFailed()).map(({ failedReason }) => failedReason)).toEqual([REASON]);
      expect((await queue.getCompleted()).map(({ returnvalue }) => returnvalue)).toEqual([{ [RESULT]: true }]);
    }

    // The backup is of the first key, which the file of keys still has.
    await restoreBackup({ file: backup, dataDir: restored, nodes: 1, encryption: { keys } });
    {
      await using cluster = await startCluster({ nodes: 1, dataDir: restored, encryption: { keys: alone } });
      await using queue = new Queue(QUEUE, { connection: cluster });
      expect((await queue.getDelayed()).map(({ data }) => data)).toEqual([1, 2].map((n) => `${n}${LARGE.repeat(2_000)}`));
    }
    expect(leaksIn(folder.path)).toEqual([]);
  });
});
