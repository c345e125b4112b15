import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NoLeaderError } from '../../src/client/errors.ts';
import { ClusterManifest } from '../../src/cluster/cluster-manifest.ts';
import { releaseDeparted } from '../../src/cluster/departed-holders.ts';
import { endedProcesses, lockProcess } from '../../src/cluster/shared/process-locks.ts';

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
