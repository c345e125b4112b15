import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Queue, startCluster } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { converged, settledLeader } from './support.ts';

const built = resolve(import.meta.dirname, '../../dist/src/index.js');
const fixture = resolve(import.meta.dirname, 'fixtures/process-under-load.mjs');
const withWorker = resolve(import.meta.dirname, 'fixtures/process-with-worker.mjs');
const ACKNOWLEDGED_BEFORE_KILL = 2_000;
/** For several processes in turn, each of which opens a cluster, also on a busy machine. */
const LIVES_TIMEOUT_MS = 300_000;

/** Runs the process until it has acknowledged enough, kills it with SIGKILL, and returns the acknowledged jobs. */
async function killUnderLoad(dataDir: string): Promise<Map<number, { writer: number; n: number }>> {
  const child = spawn(process.execPath, [fixture, built, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let output = '';
  let lines = 0;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    lines += text.split('\n').length - 1;
    if (lines >= ACKNOWLEDGED_BEFORE_KILL) child.kill('SIGKILL');
  });
  const [, signal] = await exited;
  expect(signal).toBe('SIGKILL');
  const acknowledged = new Map<number, { writer: number; n: number }>();
  // The last line may be torn.
  for (const line of output.split('\n').slice(0, -1)) {
    const [id, writer, n] = line.split(' ').map(Number);
    acknowledged.set(id ?? 0, { writer: writer ?? -1, n: n ?? -1 });
  }
  return acknowledged;
}

describe('the whole process is killed under load', () => {
  it('starts again with every acknowledged job, twice in a row', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-kill-'));
    try {
      const acknowledged = new Map<number, { writer: number; n: number }>();
      for (let round = 0; round < 2; round += 1) for (const [id, data] of await killUnderLoad(dataDir)) acknowledged.set(id, data);
      expect(acknowledged.size).toBeGreaterThanOrEqual(2 * ACKNOWLEDGED_BEFORE_KILL);
      await using cluster = await startCluster({ nodes: 3, dataDir });
      await settledLeader(cluster);
      const queue = new Queue('work', { connection: cluster });
      const found = await Promise.all([...acknowledged].map(async ([id, data]) => ({ data, job: await queue.getJob(String(id)) })));
      const lost = found.filter(({ data, job }) => JSON.stringify(job?.data) !== JSON.stringify(data));
      expect(lost).toEqual([]);
      await converged(cluster);
      await queue.close();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});

/** Runs one process with a worker. @returns how it ended. */
async function live(dataDir: string, options: { jobs: number; killAt: number; jobMs: number }): Promise<'killed' | 'finished'> {
  const { jobs, killAt, jobMs } = options;
  const args = [withWorker, built, dataDir, join(dataDir, 'begun'), jobs, killAt, jobMs].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code, signal] = await once(child, 'exit');
  if (signal === 'SIGKILL') return 'killed';
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  return 'finished';
}

/** Ids and names of the jobs whose processor was called, once for each call. */
const begunIn = (dataDir: string): { id: number; name: string }[] =>
  readFileSync(join(dataDir, 'begun'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ id: Number(line.split(' ')[0]), name: line.split(' ')[1] ?? '' }));

describe('a process with a worker is killed', () => {
  it(
    'five times in a row under load, and no job has failed that no processor saw',
    async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-kill-'));
      try {
        const jobs = 6_000;
        for (let kill = 0; kill < 5; kill += 1) expect(await live(dataDir, { jobs, killAt: 700 + 13 * kill, jobMs: 0 })).toBe('killed');
        const seen = new Set(begunIn(dataDir).map(({ id }) => id));
        await using cluster = await startCluster({ nodes: 3, dataDir });
        await settledLeader(cluster);
        const queue = new Queue('work', { connection: cluster });
        const all = await Promise.all(Array.from({ length: jobs }, (_, at) => queue.getJob(String(at + 1))));
        const failed = all.filter((job) => job?.state === 'failed').map((job) => Number(job?.id));
        expect(failed.filter((id) => !seen.has(id))).toEqual([]);
        expect(all.every((job) => job !== undefined)).toBe(true);
        await queue.close();
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
    LIVES_TIMEOUT_MS,
  );

  it(
    'by one of its jobs, which fails after its second start; the nineteen beside it complete',
    async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-kill-'));
      try {
        const lives: string[] = [];
        for (let life = 0; life < 6 && lives.at(-1) !== 'finished'; life += 1)
          lives.push(await live(dataDir, { jobs: 20, killAt: 0, jobMs: 100 }));
        expect(lives).toEqual(['killed', 'killed', 'finished']);
        expect(begunIn(dataDir).filter(({ name }) => name === 'poison')).toHaveLength(2);
        await using cluster = await startCluster({ nodes: 3, dataDir });
        await settledLeader(cluster);
        const queue = new Queue('work', { connection: cluster });
        const all = await Promise.all(Array.from({ length: 20 }, (_, at) => queue.getJob(String(at + 1))));
        const failed = all.filter((job) => job?.state === 'failed');
        expect(failed).toMatchObject([{ name: 'poison', failedReason: expect.stringMatching(/stalled more than/), attemptsMade: 0 }]);
        expect(all.filter((job) => job?.state === 'completed' && job.attemptsMade === 1)).toHaveLength(19);
        await queue.close();
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
    LIVES_TIMEOUT_MS,
  );
});
