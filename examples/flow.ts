/** A flow: a parent waits for its children, which run in another queue, and gets their results. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlowProducer, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const flows = new FlowProducer({ connection: cluster });

// All three jobs are added, or none.
const { job } = await flows.add({
  name: 'report',
  queueName: 'reports',
  children: [
    { name: 'sales', queueName: 'queries', data: { amount: 40 } },
    { name: 'weather', queueName: 'queries', data: { amount: 2 }, opts: { ignoreDependencyOnFailure: true } },
  ],
});
console.log('the report is', await job.getState());

const queries = new Worker<{ amount: number }>(
  'queries',
  ({ name, data }) => {
    if (name === 'weather') throw new Error('it is raining');
    return data.amount;
  },
  { connection: cluster },
);

const done = Promise.withResolvers<void>();
const reports = new Worker(
  'reports',
  async (report) => {
    const values = await report.getChildrenValues<number>();
    console.log('results:', Object.values(values).join(', '));
    console.log('failures:', Object.values(await report.getIgnoredChildrenFailures()).join(', '));
    done.resolve();
  },
  { connection: cluster },
);
await done.promise;

await queries.close();
await reports.close();
await flows.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
