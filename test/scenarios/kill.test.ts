import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker as Thread } from 'node:worker_threads';
import { Queue, startCluster, Worker } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it, vi } from 'vitest';
import { aCluster, converged, eventually, settledLeader } from './support.ts';

/** Raised to 75 by hand, or for `npm run test:node`: a crash of the process may come in one kill of a hundred. */
const KILLS = Number(process.env.JOBRAFT_KILLS ?? 15);
const MS_PER_KILL = 10_000;
const ADDS_AT_ONCE = 50;
/** A job whose claim was lost with a node is free again after its lease: 30 s. */
const DRAIN_MS_MAX = 120_000;

const walOf = (dataDir: string, node: number): string => join(dataDir, `node-${node}`, 'jobraft.db-wal');

describe('a node that is killed', () => {
  const terminate = vi.spyOn(Thread.prototype, 'terminate');

  it(
    `ends by itself, under load, ${KILLS} times: no thread is terminated, and no acknowledged job is lost`,
    async () => {
      terminate.mockClear();
      await using scene = await aCluster();
      const { cluster, client, queue } = scene;
      await settledLeader(cluster);
      await using worker = new Worker('cycles', async () => null, { connection: client, concurrency: 20 });
      const cycles = new Queue('cycles', { connection: client });
      let isOver = false;
      let added = 0;
      const load = Promise.all(
        Array.from({ length: ADDS_AT_ONCE }, async () => {
          while (!isOver) {
            await Promise.all([queue.add('job', {}), cycles.add('job', {})]);
            added += 1;
          }
        }),
      );
      for (let kill = 0; kill < KILLS; kill += 1) {
        const leader = await settledLeader(cluster);
        const before = added;
        await eventually('the load goes on', async () => added > before + ADDS_AT_ONCE);
        // Every third is a follower.
        const victim = kill % 3 === 2 ? (cluster.nodeIds().find((node) => node !== leader) ?? leader) : leader;
        await faultsOf(cluster).kill(victim);
        await cluster.restart(victim);
      }
      isOver = true;
      await load;
      expect((await queue.getJobCounts()).waiting).toBe(added);
      const drained = async (): Promise<boolean> => {
        const { waiting, active, delayed } = await cycles.getJobCounts();
        return waiting + active + delayed === 0;
      };
      await eventually('the worker has done all of its jobs', drained, DRAIN_MS_MAX);
      expect((await cycles.getJobCounts()).failed).toBe(0);
      await worker.close();
      await converged(cluster);
      expect(terminate).not.toHaveBeenCalled();
    },
    180_000 + DRAIN_MS_MAX + KILLS * MS_PER_KILL,
  );

  it('writes nothing more: what is in its WAL stays there', async () => {
    await using scene = await aCluster();
    const { cluster, queue, dataDir } = scene;
    const leader = await settledLeader(cluster);
    for (let n = 0; n < 20; n += 1) await queue.add('job', { n });
    await faultsOf(cluster).kill(leader);
    expect(existsSync(walOf(dataDir, leader))).toBe(true);
    await cluster.restart(leader);
    await converged(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(20);
    // A graceful stop writes it back and deletes it.
    await cluster.stop(leader);
    expect(existsSync(walOf(dataDir, leader))).toBe(false);
  });

  it('ends at once, also while its thread is paused', async () => {
    terminate.mockClear();
    await using scene = await aCluster();
    const { cluster } = scene;
    const leader = await settledLeader(cluster);
    await faultsOf(cluster).pause(leader, 3_600_000);
    await faultsOf(cluster).kill(leader);
    expect(cluster.isRunning(leader)).toBe(false);
    await settledLeader(cluster);
    expect(terminate).not.toHaveBeenCalled();
  });

  it('before it is ready reports that', async () => {
    terminate.mockClear();
    await using scene = await aCluster();
    const { cluster } = scene;
    await settledLeader(cluster);
    await cluster.stop(3);
    const restarted = cluster.restart(3).then(
      () => 'ready',
      (error: Error) => error.message,
    );
    await eventually('the thread was started', async () => cluster.isRunning(3));
    await faultsOf(cluster).kill(3);
    expect(['ready', 'Node 3 stopped: its thread ended before it was ready. Start it again: cluster.restart(node).']).toContain(
      await restarted,
    );
    await cluster.restart(3);
    await converged(cluster);
    expect(terminate).not.toHaveBeenCalled();
  });
});

describe('a process that exits while its nodes run', () => {
  const built = resolve(import.meta.dirname, '../../dist/src/index.js');
  const fixture = resolve(import.meta.dirname, 'fixtures/process-under-load.mjs');

  it('kills them first: each has closed its file, and left its WAL as it was', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-exit-'));
    try {
      for (let round = 0; round < 3; round += 1) {
        const child = spawn(process.execPath, [fixture, built, dataDir, '300'], { stdio: ['ignore', 'ignore', 'inherit'] });
        expect(await once(child, 'exit')).toEqual([7, null]);
        for (const node of [1, 2, 3]) expect(existsSync(walOf(dataDir, node))).toBe(true);
      }
      await using cluster = await startCluster({ nodes: 3, dataDir });
      await settledLeader(cluster);
      const queue = new Queue('work', { connection: cluster });
      expect((await queue.getJobCounts()).waiting).toBeGreaterThanOrEqual(3 * 300);
      await queue.close();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
