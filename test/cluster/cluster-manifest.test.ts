import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { asGeneration } from '../../src/base/generation.ts';
import { asDiskId, asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import { ClusterManifest, recoveredCluster } from '../../src/cluster/cluster-manifest.ts';
import { nodeFile } from '../../src/cluster/node-file.ts';
import { syncDirectory } from '../../src/files/sync-directory.ts';
import { RECORD_KINDS, RecordKind } from '../../src/queue/record.ts';
import { encodeConfiguration } from '../../src/raft/configuration-codec.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';

vi.mock('../../src/files/sync-directory.ts', async (importActual) => {
  const actual = await importActual<typeof import('../../src/files/sync-directory.ts')>();
  return { ...actual, syncDirectory: vi.fn(actual.syncDirectory) };
});

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-manifest-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('the holders of a folder', () => {
  it('do not include this process among the departed ones, however often it opens the folder', () => {
    const folder = aFolder();
    const holders = [1, 2, 3].map(() => {
      using manifest = ClusterManifest.open(folder, [1]);
      manifest.onTaken();
      expect(manifest.departed).toEqual([]);
      return manifest.holder;
    });
    expect(new Set(holders).size).toBe(3);
    // The next process must know all of them.
    const { holder, departed } = JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8'));
    expect([...departed, holder]).toEqual(holders);
  });

  it('that have departed stay on record until their leases are released', () => {
    const folder = aFolder();
    const opened = <T>(use: (manifest: ClusterManifest) => T): T => {
      using manifest = ClusterManifest.open(folder, [1]);
      return use(manifest);
    };
    opened((manifest) => manifest.onTaken());
    const file = join(folder, 'cluster.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), holder: 4711, departed: [42] }));
    const departed = opened((first) => {
      first.onTaken();
      return first.departed;
    });
    expect(departed).toEqual([42, 4711]);
    // It ended before it could release anything.
    opened((second) => {
      expect(second.departed).toEqual([42, 4711]);
      second.onReleased([42, 4711]);
    });
    expect(opened((third) => third.departed)).toEqual([]);
  });
});

describe('a folder that is open', () => {
  const inUse = expect.objectContaining({
    code: 'STORAGE_IN_USE',
    message: expect.stringMatching(/^The data folder .* is in use by another cluster, .* close it first\./),
  });

  it('is not opened again before it is closed, so that its holder does not count as departed', () => {
    const folder = aFolder();
    const first = ClusterManifest.open(folder, [1]);
    expect(() => ClusterManifest.open(folder, [1])).toThrow(inUse);
    first[Symbol.dispose]();
    using _second = ClusterManifest.open(folder, [1]);
    expect(() => ClusterManifest.open(folder, [1])).toThrow(inUse);
  });

  it('is not written any more once it is closed', () => {
    const folder = aFolder();
    const first = ClusterManifest.open(folder, [1]);
    first[Symbol.dispose]();
    using second = ClusterManifest.open(folder, [1]);
    second.add([2]);
    first.add([3]);
    expect(JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8'))).toMatchObject({ nodes: [1, 2] });
  });

  it('is free again when it could not be opened', () => {
    const folder = aFolder();
    ClusterManifest.open(folder, [1])[Symbol.dispose]();
    expect(() => ClusterManifest.open(folder, [7])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    using _manifest = ClusterManifest.open(folder, [1]);
  });
});

/** Creates the files of the nodes, as their threads would; the first of them has `members` in a later entry. */
function makeFiles(
  folder: string,
  manifest: Pick<ClusterManifest, 'newDiskIdOf' | 'origin'>,
  nodes: readonly number[],
  members?: readonly number[],
): void {
  for (const node of nodes) {
    using storage = openSqliteStorage({
      file: nodeFile(folder, node),
      recordKinds: RECORD_KINDS,
      entryKind: RECORD_KINDS[RecordKind.entry],
      durability: 'full',
      newDiskId: manifest.newDiskIdOf(node),
      origin: manifest.origin,
    });
    if (members === undefined || node !== nodes[0]) continue;
    const data = encodeConfiguration(configurationOf({ voters: members.map(asNodeId), disks: [{ node: asNodeId(1), disk: asDiskId(5) }] }));
    const entries = [{ index: asIndex(1), term: asTerm(1), kind: 'configuration', data } as const];
    storage.persist({ append: { from: asIndex(1), entries } });
  }
}

describe('a folder whose cluster.json is lost', () => {
  it('is the same cluster as before, by what the nodes’ files say', async () => {
    const folder = aFolder();
    const before = ClusterManifest.open(folder, [1, 2, 3]);
    makeFiles(folder, before, [1, 2, 3]);
    before.onFilesCreated([1, 2, 3]);
    before[Symbol.dispose]();
    rmSync(join(folder, 'cluster.json'));
    using manifest = ClusterManifest.open(folder, [1, 2, 3], recoveredCluster(folder));
    expect(manifest.origin).toEqual(before.origin);
    expect(manifest.nodes).toEqual([1, 2, 3]);
    // A file that is lost as well is another disk.
    expect(manifest.newDiskIdOf(1)).not.toBe(before.founders[0]?.disk);
    expect(existsSync(join(folder, 'cluster.json'))).toBe(false);
    manifest.onTaken();
    expect(existsSync(join(folder, 'cluster.json'))).toBe(true);
  });

  it('has the members of the most advanced file', async () => {
    const folder = aFolder();
    const before = ClusterManifest.open(folder, [1, 2, 3]);
    makeFiles(folder, before, [2, 3, 4], [2, 3, 4]);
    makeFiles(folder, before, [1]);
    before[Symbol.dispose]();
    rmSync(join(folder, 'cluster.json'));
    const recovered = recoveredCluster(folder);
    {
      using manifest = ClusterManifest.open(folder, [1, 2, 3], recovered);
      expect(manifest.nodes).toEqual([2, 3, 4]);
    }
    expect(() => ClusterManifest.open(folder, [1, 2], recovered)).toThrow(/belongs to a cluster of the nodes 2, 3, 4/);
  });

  it.each([
    [
      'fewer than a majority of them are there',
      (folder: string, manifest: ClusterManifest) => makeFiles(folder, manifest, [1]),
      /nodes 1, 2, 3 only 1 have a file, which is no majority/,
    ],
    [
      'one is damaged',
      (folder: string, manifest: ClusterManifest) => {
        makeFiles(folder, manifest, [1, 2, 3]);
        writeFileSync(nodeFile(folder, 2), 'this was a database until a text was written over it'.repeat(20));
      },
      /node-2.*database/,
    ],
    [
      'they are of different clusters',
      (folder: string, manifest: ClusterManifest) => {
        makeFiles(folder, manifest, [1, 2]);
        using other = ClusterManifest.open(aFolder(), [1, 2, 3]);
        makeFiles(folder, other, [3]);
      },
      /node-1.*node-3.* belong to different clusters/,
    ],
    [
      'they do not name their cluster',
      (folder: string) => makeFiles(folder, { origin: { cluster: 0, founders: [] }, newDiskIdOf: (node) => node }, [1, 2, 3]),
      /node-1.*was written by a version of jobraft whose files did not name their cluster/,
    ],
  ])('is rejected with a remedy where %s', async (_, make, reason) => {
    const folder = aFolder();
    {
      using manifest = ClusterManifest.open(folder, [1, 2, 3]);
      make(folder, manifest);
    }
    rmSync(join(folder, 'cluster.json'));
    expect(() => recoveredCluster(folder)).toThrow(reason);
    expect(() => recoveredCluster(folder)).toThrow(
      /^(?:(?!is missing).)*cluster\.json is missing (?:(?!is missing).)* Restore cluster\.json from a backup/,
    );
    expect(existsSync(join(folder, 'cluster.json'))).toBe(false);
  });
});

describe('cluster.json', () => {
  it('survives a power cut under its name: the folder is synced after it was renamed', () => {
    const folder = aFolder();
    const written: string[] = [];
    vi.mocked(syncDirectory).mockImplementation((directory) => {
      if (directory === folder && !existsSync(join(folder, 'cluster.json.new')))
        written.push(readFileSync(join(folder, 'cluster.json'), 'utf8'));
    });
    using manifest = ClusterManifest.open(folder, [1]);
    manifest.onFilesCreated([1]);
    expect(written.map((text) => JSON.parse(text).made)).toEqual([[], [1]]);
  });

  it('keeps the latest generation of each disk', () => {
    const folder = aFolder();
    const manifest = ClusterManifest.open(folder, [1, 2]);
    manifest.onGeneration(1, 11, asGeneration(5), false);
    manifest.onGeneration(2, 21, asGeneration(6), false);
    manifest.onGeneration(1, 12, asGeneration(7), false);
    manifest[Symbol.dispose]();
    using reopened = ClusterManifest.open(folder, [1, 2]);
    expect(reopened.recordedOf(1)).toEqual([
      { disk: 11, generation: 5 },
      { disk: 12, generation: 7 },
    ]);
    expect(reopened.recordedOf(2)).toEqual([{ disk: 21, generation: 6 }]);
  });

  it('keeps a generation that a checkpoint raised some seconds later, with those of others', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const folder = aFolder();
    using manifest = ClusterManifest.open(folder, [1, 2]);
    const written = (): unknown => JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8')).disks;
    manifest.onGeneration(1, 11, asGeneration(5), false);
    manifest.onGeneration(1, 11, asGeneration(6), true);
    vi.advanceTimersByTime(4_000);
    manifest.onGeneration(2, 21, asGeneration(7), true);
    expect(written()).toEqual([{ node: 1, disk: 11, generation: 5 }]);
    expect(manifest.recordedOf(1)).toEqual([{ disk: 11, generation: 6 }]);
    vi.advanceTimersByTime(1_000);
    expect(written()).toEqual([
      { node: 1, disk: 11, generation: 6 },
      { node: 2, disk: 21, generation: 7 },
    ]);
  });

  it('of a folder from before clusters had ids gets one before any node’s file has it', () => {
    const folder = aFolder();
    ClusterManifest.open(folder, [1])[Symbol.dispose]();
    const file = join(folder, 'cluster.json');
    const { cluster: _cluster, disks: _disks, ...old } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(old));
    const manifest = ClusterManifest.open(folder, [1]);
    expect(manifest.origin.cluster).toBeGreaterThan(0);
    // The process is killed here, without any notification to the manifest.
    manifest[Symbol.dispose]();
    using reopened = ClusterManifest.open(folder, [1]);
    expect(reopened.origin).toEqual(manifest.origin);
  });
});
