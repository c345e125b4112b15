/**
 * A lease can end while its worker does not notice, as in a process that is paused. The cluster rejects the late completion. Writes to
 * another store are yours to fence: let it keep the largest token, and reject a smaller one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

/** In the place of a database: UPDATE … SET value = ?, token = ? WHERE key = ? AND token <= ? */
const rows = new Map<string, { readonly value: string; readonly token: number }>();
function write(key: string, value: string, token: string): boolean {
  const isStale = (rows.get(key)?.token ?? 0) > Number(token);
  if (!isStale) rows.set(key, { value, token: Number(token) });
  console.log(`${value} writes with token ${token}: ${isStale ? 'rejected' : 'accepted'}`);
  return !isStale;
}

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue('accounts', { connection: cluster });
const secondIsDone = Promise.withResolvers<void>();
const firstIsDone = Promise.withResolvers<void>();

const worker = new Worker(
  'accounts',
  async (job, token, signal) => {
    if (job.stalledCounter > 0) {
      write('balance', 'the second holder', token);
      return;
    }
    // A pause of the whole process, longer than the lease: nothing can extend it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    await secondIsDone.promise;
    write('balance', 'the first holder', token);
    console.log(`the first holder's signal is aborted: ${signal.aborted}`);
    firstIsDone.resolve();
  },
  { connection: cluster, lockDuration: 1_000, concurrency: 2 },
);
worker.on('completed', () => secondIsDone.resolve());
worker.on('error', (error) => console.log(`error: ${error.message}`));
await queue.add('set balance', {});
await firstIsDone.promise;
console.log(`the store has the value of ${rows.get('balance')?.value}`);

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
