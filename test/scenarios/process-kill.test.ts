import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Queue, startCluster } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { converged, settledLeader } from './support.ts';

const built = resolve(import.meta.dirname, '../../dist/src/index.js');
const fixture = resolve(import.meta.dirname, 'fixtures/process-under-load.mjs');
const ACKNOWLEDGED_BEFORE_KILL = 2_000;

/** Runs the process until it has acknowledged enough, kills it with SIGKILL, and returns what it had acknowledged. */
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
      const found = await Promise.all([...acknowledged].map(async ([id, data]) => ({ data, job: await queue.getJob(id) })));
      const lost = found.filter(({ data, job }) => JSON.stringify(job?.data) !== JSON.stringify(data));
      expect(lost).toEqual([]);
      await converged(cluster);
      await queue.close();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
