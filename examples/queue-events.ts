/** What happens to the jobs of a queue, in any process; and waiting for the result of a job. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JobFailedError, Queue, QueueEvents, startCluster, UnrecoverableError, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue<{ to: string }, string>('letters', { connection: cluster });
const events = new QueueEvents('letters', { connection: cluster });

let lastEventId = '$';
events.on('completed', ({ jobId, returnvalue }, id) => {
  console.log(`job ${jobId} returned ${String(returnvalue)}`);
  lastEventId = id;
});
events.on('failed', ({ jobId, failedReason }) => console.log(`job ${jobId} failed: ${failedReason}`));
// What is done from now on is reported.
await events.waitUntilReady();

const worker = new Worker<{ to: string }, string>(
  'letters',
  ({ data }) => {
    if (data.to === '') throw new UnrecoverableError('it has no address');
    return `sent to ${data.to}`;
  },
  { connection: cluster },
);
const letter = await queue.add('letter', { to: 'Ada' });
console.log(`awaited: ${await letter.waitUntilFinished(events, 30_000)}`);

const bad = await queue.add('letter', { to: '' });
try {
  await bad.waitUntilFinished(events);
} catch (error) {
  console.log(`awaited: ${error instanceof JobFailedError ? error.code : error}`);
}
await events.close();

// While no program reads: a reader that begins behind the last event within five minutes misses none.
const late = await queue.add('letter', { to: 'Grace' });
const again = new QueueEvents('letters', { connection: cluster, lastEventId });
const missed = new Promise<string>((resolve) => {
  again.on('completed', ({ jobId, returnvalue }) => resolve(`job ${jobId} returned ${String(returnvalue)}`));
});
await late.waitUntilFinished(again);
console.log(`behind the last event: ${await missed}`);

await again.close();
await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
