import { cpSync, existsSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterOptions, Queue, startCluster } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aFolder, eventually } from './support.ts';

type Repair = Parameters<NonNullable<ClusterOptions['onRepair']>>[0];

/** Starts the cluster of a folder, adds jobs, and closes it. */
async function addTo(dataDir: string, count: number): Promise<void> {
  await using cluster = await startCluster({ nodes: 3, dataDir });
  const queue = new Queue('q', { connection: cluster });
  for (let n = 0; n < count; n += 1) await queue.add('job', { n });
  await queue.close();
}

const waitingIn = async (cluster: Awaited<ReturnType<typeof startCluster>>): Promise<number> => {
  const queue = new Queue('q', { connection: cluster });
  const { waiting } = await queue.getJobCounts();
  await queue.close();
  return waiting;
};

describe('a node’s folder of another cluster', () => {
  it('is rejected and left as it is, and the node is rebuilt once it is out of the way', async () => {
    using folder = aFolder();
    const [ours, theirs] = [join(folder.path, 'ours'), join(folder.path, 'theirs')];
    await addTo(ours, 5);
    await addTo(theirs, 7);
    rmSync(join(ours, 'node-1'), { recursive: true });
    cpSync(join(theirs, 'node-1'), join(ours, 'node-1'), { recursive: true });
    await expect(startCluster({ nodes: 3, dataDir: ours })).rejects.toMatchObject({
      code: 'STORAGE_FOREIGN',
      message: expect.stringMatching(/Node 1: .* belongs to another cluster/),
    });
    rmSync(join(theirs, 'node-1'), { recursive: true });
    cpSync(join(ours, 'node-1'), join(theirs, 'node-1'), { recursive: true });
    rmSync(join(ours, 'node-1'), { recursive: true });
    await using cluster = await startCluster({ nodes: 3, dataDir: ours });
    expect(await waitingIn(cluster)).toBe(5);
    await using other = await startCluster({ nodes: 3, dataDir: theirs });
    expect(await waitingIn(other)).toBe(7);
  });
});

describe('a copy of node 2’s folder under another path', () => {
  it('is not started there: the files of the others are missing, and it is no majority', async () => {
    using folder = aFolder();
    const [ours, elsewhere] = [join(folder.path, 'ours'), join(folder.path, 'elsewhere')];
    await using cluster = await startCluster({ nodes: 3, dataDir: ours });
    await using queue = new Queue('q', { connection: cluster });
    await queue.add('job', {});
    for (const name of ['cluster.json', 'node-2']) cpSync(join(ours, name), join(elsewhere, name), { recursive: true });
    await expect(startCluster({ nodes: 3, dataDir: elsewhere })).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    await queue.add('job', {});
    expect((await queue.getJobCounts()).waiting).toBe(2);
  });
});

describe('files of nodes in the wrong places', () => {
  const swap = (dataDir: string): void => {
    const [first, second, between] = ['node-1', 'node-2', 'between'].map((name) => join(dataDir, name)) as [string, string, string];
    renameSync(first, between);
    renameSync(second, first);
    renameSync(between, second);
  };

  it('are named with the node that each belongs to, and start once each is back in its place', async () => {
    using folder = aFolder();
    await addTo(folder.path, 5);
    swap(folder.path);
    await expect(startCluster({ nodes: 3, dataDir: folder.path })).rejects.toMatchObject({
      code: 'STORAGE_FOREIGN',
      outcome: 'not-applied',
      message: expect.stringMatching(/node-1\/jobraft\.db is node 2's file, .*node-2\/jobraft\.db is node 1's file/),
    });
    swap(folder.path);
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    expect(await waitingIn(cluster)).toBe(5);
  });

  it('are also a copy of one in the place of the others, without cluster.json', async () => {
    using folder = aFolder();
    await addTo(folder.path, 5);
    for (const node of [2, 3]) cpSync(join(folder.path, 'node-1', 'jobraft.db'), join(folder.path, `node-${node}`, 'jobraft.db'));
    rmSync(join(folder.path, 'cluster.json'));
    await expect(startCluster({ nodes: 3, dataDir: folder.path })).rejects.toMatchObject({
      code: 'STORAGE_FOREIGN',
      message: expect.stringMatching(/node-2\/jobraft\.db is node 1's file, .*node-3\/jobraft\.db is node 1's file/),
    });
  });
});

describe('the files of a majority of the nodes', () => {
  it.each([
    ['are missing', [1, 2], (folder: string) => rmSync(folder, { recursive: true })],
    ['are empty', [1, 2], (folder: string) => truncateSync(join(folder, 'jobraft.db'), 0)],
    ['are all missing', [1, 2, 3], (folder: string) => rmSync(folder, { recursive: true })],
  ])('that %s are named by the start, which is rejected; with one of them back it starts', async (_, nodes, lose) => {
    using folder = aFolder();
    await addTo(folder.path, 5);
    const kept = join(folder.path, 'kept');
    for (const node of nodes) {
      cpSync(join(folder.path, `node-${node}`), join(kept, `node-${node}`), { recursive: true });
      lose(join(folder.path, `node-${node}`));
    }
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(startCluster({ nodes: 3, dataDir: folder.path })).rejects.toMatchObject({
        code: 'STORAGE_LOST',
        outcome: 'not-applied',
        message: expect.stringMatching(
          /file of node 1 is missing or empty, .*node-1\/jobraft\.db; .*node-2\/jobraft\.db.*put the latest ones back/,
        ),
      });
    }
    for (const node of nodes.slice(1)) cpSync(join(kept, `node-${node}`), join(folder.path, `node-${node}`), { recursive: true });
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    expect(await waitingIn(cluster)).toBe(5);
  });

  it('may be the one of the only node', async () => {
    using folder = aFolder();
    await (await startCluster({ nodes: 1, dataDir: folder.path })).close();
    rmSync(join(folder.path, 'node-1'), { recursive: true });
    await expect(startCluster({ nodes: 1, dataDir: folder.path })).rejects.toMatchObject({ code: 'STORAGE_LOST' });
  });
});

describe('a killed cluster whose write-ahead logs are lost', () => {
  const killedIn = async (dataDir: string): Promise<void> => {
    await addTo(dataDir, 5);
    await using cluster = await startCluster({ nodes: 3, dataDir });
    const queue = new Queue('q', { connection: cluster });
    for (let n = 0; n < 5; n += 1) await queue.add('job', { n });
    await Promise.all(cluster.nodeIds().map((node) => faultsOf(cluster).kill(node)));
  };
  const walOf = (dataDir: string, node: number): string => join(dataDir, `node-${node}`, 'jobraft.db-wal');

  it('is rejected where all are lost, and starts with two of them back: the third node is rebuilt', async () => {
    using folder = aFolder();
    await killedIn(folder.path);
    for (const node of [1, 2, 3]) renameSync(walOf(folder.path, node), `${walOf(folder.path, node)}.lost`);
    await expect(startCluster({ nodes: 3, dataDir: folder.path })).rejects.toMatchObject({
      code: 'STORAGE_DAMAGED',
      message: expect.stringMatching(/write-ahead log .*-wal is missing/),
    });
    for (const node of [1, 2]) renameSync(`${walOf(folder.path, node)}.lost`, walOf(folder.path, node));
    const repairs: Repair[] = [];
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path, onRepair: (repair) => repairs.push(repair) });
    expect(await waitingIn(cluster)).toBe(10);
    expect(repairs).toMatchObject([{ node: 3, damage: { code: 'STORAGE_DAMAGED' } }]);
  });
});

describe('a cluster.json of another cluster', () => {
  it('is named itself, and is rebuilt from the files once it is moved away', async () => {
    using folder = aFolder();
    const [ours, theirs] = [join(folder.path, 'ours'), join(folder.path, 'theirs')];
    await addTo(ours, 5);
    await addTo(theirs, 7);
    const manifest = join(ours, 'cluster.json');
    cpSync(join(theirs, 'cluster.json'), manifest);
    await expect(startCluster({ nodes: 3, dataDir: ours })).rejects.toMatchObject({
      code: 'STORAGE_FOREIGN',
      message: expect.stringContaining(`Move ${manifest} away: it is rebuilt from the files.`),
    });
    rmSync(manifest);
    await using cluster = await startCluster({ nodes: 3, dataDir: ours });
    expect(await waitingIn(cluster)).toBe(5);
  });
});

describe('a folder without cluster.json', () => {
  it('is started with everything in it', async () => {
    using folder = aFolder();
    await addTo(folder.path, 5);
    rmSync(join(folder.path, 'cluster.json'));
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    expect(await waitingIn(cluster)).toBe(5);
    expect(existsSync(join(folder.path, 'cluster.json'))).toBe(true);
  });
});

describe('a node’s folder that was restored from an older copy', () => {
  it('is treated as a lost disk: the node grants no vote until it has everything', async () => {
    using folder = aFolder();
    const repairs: Repair[] = [];
    const start = (absent: number[]) =>
      startCluster({ nodes: 3, dataDir: folder.path, absent, onRepair: (repair) => repairs.push(repair) });
    const node2 = join(folder.path, 'node-2');
    const copy = join(folder.path, 'copy');
    {
      await using cluster = await start([]);
      const queue = new Queue('q', { connection: cluster });
      for (let n = 0; n < 5; n += 1) await queue.add('job', { n });
      await cluster.stop(2);
      cpSync(node2, copy, { recursive: true });
      await cluster.restart(2);
      await cluster.stop(3);
      await cluster.waitForLeader();
      for (let n = 0; n < 20; n += 1) await queue.add('job', { n });
      await queue.close();
    }
    rmSync(node2, { recursive: true });
    cpSync(copy, node2, { recursive: true });
    // Neither node 3 nor the copy has the entries that nodes 1 and 2 acknowledged.
    await using cluster = await start([1]);
    expect(repairs).toMatchObject([{ node: 2, damage: { code: 'STORAGE_ROLLED_BACK' } }]);
    expect(await cluster.leader()).toBeUndefined();
    await cluster.restart(1);
    await cluster.waitForLeader();
    expect(await waitingIn(cluster)).toBe(25);
    await eventually('node 2 has everything', async () => {
      const states = await cluster.replicaStates();
      return states.length === 3 && new Set(states.map(({ digest }) => digest)).size === 1;
    });
  });

  it('also by a copy that was taken while the node ran, once the node was closed', async () => {
    using folder = aFolder();
    const node2 = join(folder.path, 'node-2');
    const copy = join(folder.path, 'copy');
    {
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      const queue = new Queue('q', { connection: cluster });
      for (let n = 0; n < 5; n += 1) await queue.add('job', { n });
      cpSync(node2, copy, { recursive: true });
      for (let n = 0; n < 20; n += 1) await queue.add('job', { n });
      await queue.close();
    }
    rmSync(node2, { recursive: true });
    cpSync(copy, node2, { recursive: true });
    const repairs: Repair[] = [];
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path, onRepair: (repair) => repairs.push(repair) });
    expect(await waitingIn(cluster)).toBe(25);
    expect(repairs).toMatchObject([{ node: 2, damage: { code: 'STORAGE_ROLLED_BACK' } }]);
  });

  it('of the only node, the start is rejected; as a backup of the whole folder it starts', async () => {
    using folder = aFolder();
    const add = async (count: number) => {
      await using cluster = await startCluster({ nodes: 1, dataDir: folder.path });
      await using queue = new Queue('q', { connection: cluster });
      for (let n = 0; n < count; n += 1) await queue.add('job', { n });
    };
    await add(5);
    const node1 = join(folder.path, 'node-1');
    const copy = join(folder.path, 'copy');
    cpSync(node1, copy, { recursive: true });
    await add(5);
    rmSync(node1, { recursive: true });
    cpSync(copy, node1, { recursive: true });
    const manifest = join(folder.path, 'cluster.json');
    await expect(startCluster({ nodes: 1, dataDir: folder.path })).rejects.toMatchObject({
      code: 'STORAGE_ROLLED_BACK',
      message: expect.stringContaining(`of one backup and later ones exist nowhere, move ${manifest} away`),
    });
    rmSync(manifest);
    await using cluster = await startCluster({ nodes: 1, dataDir: folder.path });
    expect(await waitingIn(cluster)).toBe(5);
  });

  it('of a majority, the start is rejected, and no file is moved', async () => {
    using folder = aFolder();
    await addTo(folder.path, 5);
    const copies = join(folder.path, 'copies');
    for (const node of [1, 2]) cpSync(join(folder.path, `node-${node}`), join(copies, `node-${node}`), { recursive: true });
    await addTo(folder.path, 5);
    for (const node of [1, 2]) {
      rmSync(join(folder.path, `node-${node}`), { recursive: true });
      cpSync(join(copies, `node-${node}`), join(folder.path, `node-${node}`), { recursive: true });
    }
    await expect(startCluster({ nodes: 3, dataDir: folder.path })).rejects.toMatchObject({
      code: 'STORAGE_ROLLED_BACK',
      message: expect.stringMatching(/put the latest file back/),
    });
    for (const node of [1, 2]) expect(existsSync(join(folder.path, `node-${node}`, 'jobraft.db'))).toBe(true);
  });

  it.each(['lost', 'restored with them'])(
    'of a majority, with cluster.json %s, is found by what the other files have on record',
    async (how) => {
      using folder = aFolder();
      await addTo(folder.path, 5);
      const [copies, latest] = [join(folder.path, 'copies'), join(folder.path, 'latest')];
      const names = ['node-1', 'node-2', 'node-3', 'cluster.json'];
      const copy = (from: string, to: string, which = names): void => {
        for (const name of which) {
          rmSync(join(to, name), { recursive: true, force: true });
          cpSync(join(from, name), join(to, name), { recursive: true });
        }
      };
      copy(folder.path, copies);
      await addTo(folder.path, 5);
      copy(folder.path, latest);
      copy(copies, folder.path, ['node-1', 'node-2', 'cluster.json']);
      if (how === 'lost') rmSync(join(folder.path, 'cluster.json'));
      const rejected = await startCluster({ nodes: 3, dataDir: folder.path }).catch((error: Error) => error);
      expect(rejected).toMatchObject({
        code: 'STORAGE_ROLLED_BACK',
        message: expect.stringMatching(
          /node-1\/jobraft\.db of node 1 was restored .*node-2\/jobraft\.db of node 2 was restored .*put the latest file back/,
        ),
      });
      // One file is ahead, so the others are not the latest ones.
      expect(rejected).toMatchObject({ message: expect.not.stringContaining('cluster.json') });
      copy(latest, folder.path, ['node-2']);
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      expect(await waitingIn(cluster)).toBe(10);
    },
  );
});
