import { type Cluster, type FlowJob, FlowProducer, type Job, type JobNode, type Queue, type TransactionCall } from 'jobraft';
import { expectTypeOf } from 'vitest';

export async function addsTrees(cluster: Cluster): Promise<void> {
  const flows = new FlowProducer({ connection: cluster });
  const node = await flows.add({
    queueName: 'a',
    opts: { jobId: 'x' },
    children: [{ queueName: 'b', opts: { failParentOnFailure: true } }],
  });
  expectTypeOf(node).toEqualTypeOf<JobNode>();
  // As with BullMQ's, a program may sort and divide them.
  node.children?.sort((one, other) => one.job.timestamp - other.job.timestamp);
  expectTypeOf(node.children).toEqualTypeOf<JobNode[] | undefined>();

  const deduplication = { id: 'x' };
  // @ts-expect-error a job of a flow cannot be deduplicated
  await flows.add({ queueName: 'a', opts: { deduplication } });
  // @ts-expect-error nor can one below it
  await flows.add({ queueName: 'a', children: [{ queueName: 'b', opts: { deduplication } }] });
  // @ts-expect-error nor a named one
  const _flow: FlowJob = { queueName: 'a', opts: { deduplication: { id: 'x' } } };
}

export async function addsInTransactions(transaction: TransactionCall, queue: Queue<number, string>): Promise<void> {
  const [job] = await transaction((tx) => [tx.add(queue, 'n', 1, { attempts: 3 })]);
  expectTypeOf(job).toEqualTypeOf<Job<number, string>>();
  // @ts-expect-error an add of a transaction cannot be deduplicated
  await transaction((tx) => [tx.add(queue, 'n', 1, { deduplication: { id: 'x' } })]);
  // @ts-expect-error a queue, not its name
  await transaction((tx) => [tx.add('numbers', 'n', 1)]);
}
