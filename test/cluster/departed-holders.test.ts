import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NoLeaderError } from '../../src/client/errors.ts';
import { ClusterManifest } from '../../src/cluster/cluster-manifest.ts';
import { releaseDeparted } from '../../src/cluster/departed-holders.ts';
import { endedProcesses, lockProcess, removeLeftovers } from '../../src/cluster/shared/process-locks.ts';
import { openFileLock } from '../../src/storage/file-lock.ts';

interface Setting {
  readonly folder: string;
  readonly manifest: ClusterManifest;
}

/** A folder that other processes had before. */
function aFolderOf(departed: readonly number[]): Setting {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-departed-'));
  {
    using before = ClusterManifest.open(folder, [1]);
    before.onTaken();
  }
  const file = join(folder, 'cluster.json');
  writeFileSync(
    file,
    JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), holder: departed.at(-1), departed: departed.slice(0, -1) }),
  );
  const manifest = ClusterManifest.open(folder, [1]);
  manifest.onTaken();
  onTestFinished(() => {
    manifest[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, manifest };
}

describe('processes that had the folder before', () => {
  it('are released with those that shared it, whose files are removed', async () => {
    const { folder, manifest } = aFolderOf([41]);
    const ended = lockProcess(folder, 43);
    using living = lockProcess(folder, 44);
    expect(endedProcesses(folder)).toEqual([]);
    ended[Symbol.dispose]();
    const holders = endedProcesses(folder);
    expect(holders).toEqual([43]);
    const released: number[] = [];
    await releaseDeparted(manifest, { dataDir: folder, holders }, () => ({ releaseHolder: async (holder) => void released.push(holder) }));
    expect(released).toEqual([41, 43]);
    expect(readdirSync(join(folder, 'processes'))).toEqual(['44-new.lock-journal', '44.lock']);
    expect(endedProcesses(folder)).toEqual([]);
    expect(living).toBeDefined();
  });

  it('leave nothing when they held no leases', () => {
    const { folder } = aFolderOf([41]);
    const lock = lockProcess(folder, 43);
    lock.forget();
    expect(readdirSync(join(folder, 'processes'))).toEqual([]);
    expect(endedProcesses(folder)).toEqual([]);
  });

  it('leave nothing when they were killed before their file had its name, or while it was removed', () => {
    const { folder } = aFolderOf([41]);
    using living = lockProcess(folder, 44);
    const ended = lockProcess(folder, 45);
    ended[Symbol.dispose]();
    const path = (name: string): string => join(folder, 'processes', name);
    for (const name of ['46-new.lock', '46-new.lock-journal', '47-new.lock-journal', '48.lock-journal', '49-new.lock'])
      writeFileSync(path(name), '');
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const name of ['46-new.lock', '44.lock']) utimesSync(path(name), longAgo, longAgo);
    using locking = openFileLock(path('50-new'));
    utimesSync(path('50-new.lock'), longAgo, longAgo);
    removeLeftovers(folder);
    // 45 may have leases, 49 is about to get its lock, and 44 and 50 have theirs.
    const names = readdirSync(path('')).filter((name) => !name.endsWith('-journal'));
    expect(names).toEqual(['44.lock', '45.lock', '49-new.lock', '50-new.lock']);
    expect(readdirSync(path('')).filter((name) => /^4[678]/.test(name))).toEqual([]);
    expect(endedProcesses(folder)).toEqual([45]);
    expect([living, locking]).toHaveLength(2);
  });

  it('are released and removed from the file, each once, as soon as there is a leader', async () => {
    const { folder, manifest } = aFolderOf([41, 42]);
    const released: number[] = [];
    let failures = 2;
    await releaseDeparted(manifest, { dataDir: folder, holders: [] }, () => ({
      releaseHolder: async (holder) => {
        failures -= 1;
        if (failures >= 0) throw new NoLeaderError();
        released.push(holder);
      },
    }));
    expect(released).toEqual([41, 42]);
    expect(JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8'))).toMatchObject({ departed: [] });
  });

  it('are released once, with a warning, when the file cannot be written', async () => {
    const { folder, manifest } = aFolderOf([41, 42]);
    mkdirSync(join(folder, 'cluster.json.new'));
    const warned = new Promise<Error>((resolve) => {
      const listener = (warning: Error): void => {
        if (warning.name === 'JobraftClusterFile') resolve(warning);
      };
      process.on('warning', listener);
      onTestFinished(() => void process.off('warning', listener));
    });
    const released: number[] = [];
    await releaseDeparted(manifest, { dataDir: folder, holders: [] }, () => ({
      releaseHolder: async (holder) => void released.push(holder),
    }));
    expect((await warned).message).toMatch(/cluster\.json still names them\. The data folder .* cannot be written \(EISDIR/);
    expect(released).toEqual([41, 42]);
    rmSync(join(folder, 'cluster.json.new'), { recursive: true });
    manifest.onFilesCreated([1]);
    expect(JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8'))).toMatchObject({ departed: [] });
  });

  it('stay on the file when the cluster is closed before', async () => {
    const { folder, manifest } = aFolderOf([41]);
    let isClosed = false;
    await releaseDeparted(manifest, { dataDir: folder, holders: [] }, () => {
      if (isClosed) return undefined;
      return {
        releaseHolder: async () => {
          isClosed = true;
          throw new NoLeaderError();
        },
      };
    });
    expect(JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8'))).toMatchObject({ departed: [41] });
  });
});
