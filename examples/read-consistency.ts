/** What a read may return: everything that was acknowledged before it, or what one node has, also without a majority. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, JobraftError, Queue, startCluster } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
// Calls are repeated until their deadline: here for a second instead of ten.
const client = new Client(cluster, { deadlineMs: 1_000 });
const queue = new Queue('jobs', { connection: client });

const job = await queue.add('work', {});

// The default: the leader confirms with a majority that it still leads. Nothing is written.
const linearizable = await queue.getJob(job.id);
console.log(`linearizable: job ${job.id} is ${linearizable?.state}`);

// One node is left of three: no leader, no majority.
const [stopped, alsoStopped] = cluster.nodeIds();
for (const node of [stopped, alsoStopped]) if (node !== undefined) await cluster.stop(node);

try {
  await queue.getJob(job.id);
} catch (error) {
  if (!(error instanceof JobraftError)) throw error;
  console.log(`linearizable, one node of three: rejected (${error.code})`);
}

// Any node replies from its own state, which may be outdated. No call waits for a leader.
const stale = await queue.getJob(job.id, { consistency: 'stale' });
console.log(`stale, one node of three: job ${job.id} is ${stale?.state ?? 'unknown to this node'}`);

await queue.close();
await client.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
