/**
 * A step that ends its job and adds the next ones in one transaction: all of it happens, or nothing. A worker that dies in between leaves no
 * order that is charged without an invoice, and none that has two.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, TransactionError, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const orders = new Queue<{ readonly item: string }>('orders', { connection: cluster });
const invoices = new Queue<{ readonly order: string }>('invoices', { connection: cluster });
const shipments = new Queue<{ readonly item: string }>('shipments', { connection: cluster });

const worker = new Worker<{ readonly item: string }, string>(
  'orders',
  async (job) => {
    const [, invoice] = await cluster.transaction((tx) => [
      tx.complete(job, 'charged'), // The worker does not complete it a second time.
      tx.add(invoices, 'invoice', { order: job.id }, { jobId: `invoice-${job.id}` }),
      tx.add(shipments, 'ship', { item: job.data.item }, { delay: 60_000 }),
    ]);
    console.log(`order ${job.id} is charged: ${invoice.id} and a shipment follow`);
    return 'what a processor returns after its transaction counts no more';
  },
  { connection: cluster },
);
const completed = new Promise<string>((resolve) => worker.once('completed', (_job, result) => resolve(result)));
const order = await orders.add('order', { item: 'a bicycle' });
console.log(`result: ${await completed}`);
console.log(`${await invoices.count()} invoice waits, ${await shipments.count()} shipment is delayed`);

try {
  // The order is completed: nothing of this takes effect.
  await cluster.transaction((tx) => [tx.add(invoices, 'invoice', { order: order.id }), tx.changePriority(order, { priority: 1 })]);
} catch (error) {
  if (!(error instanceof TransactionError)) throw error;
  console.log(`operation ${error.operation} was rejected, and ${await invoices.count()} invoice waits`);
}

await worker.close();
await Promise.all([orders.close(), invoices.close(), shipments.close()]);
await cluster.close();
rmSync(dataDir, { recursive: true });
