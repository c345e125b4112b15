/** Your own code in a test: a cluster in memory, whose clock the test moves. A day passes in milliseconds. */
import { strict as assert } from 'node:assert';
import { Queue, Worker } from 'jobraft';
import { startTestCluster } from 'jobraft/testing';

const DAY_MS = 24 * 3_600_000;

await using cluster = await startTestCluster();
const queue = new Queue<{ readonly to: string }>('reminders', { connection: cluster });
const sent: string[] = [];

/** The code under test: the first delivery of each reminder fails. */
const worker = new Worker<{ readonly to: string }>(
  'reminders',
  async ({ data, attemptsMade }) => {
    if (attemptsMade === 0) throw new Error('the mail server is busy');
    sent.push(data.to);
  },
  { connection: cluster },
);

await queue.add('renew', { to: 'ada@example.com' }, { delay: DAY_MS, attempts: 3, backoff: { type: 'fixed', delay: 60_000 } });
await cluster.drain();
assert.deepEqual(await queue.getJobCounts(), { waiting: 0, active: 0, delayed: 1, completed: 0, failed: 0, 'waiting-children': 0 });
console.log('nothing is due today');

await cluster.clock.advance(DAY_MS);
await cluster.drain();
assert.deepEqual(sent, []);
console.log('after a day: the first attempt failed, and waits for its backoff');

await cluster.clock.advance(60_000);
await cluster.drain();
assert.deepEqual(sent, ['ada@example.com']);
console.log(`a minute later: sent to ${sent.join(', ')}`);

await worker.close();
await queue.close();
