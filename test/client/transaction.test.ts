import { describe, expect, it } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import type { Job } from '../../src/client/api/job.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { sendTransaction, type Transaction } from '../../src/client/api/transaction.ts';
import { InvalidOptionError, JobNotFoundError, JobStateError, LeaseLostError, UnrecoverableError } from '../../src/client/errors.ts';
import { TransactionError, TransactionTooLargeError } from '../../src/client/transaction-errors.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();

const LONG_MS = 60_000_000;
const failureOf = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

describe('a transaction', () => {
  it('of a processor completes its job and adds the next ones; the worker does not complete it a second time', async () => {
    const { queue, client, aWorker } = aSetting();
    const next = new Queue<string>('next', { connection: client });
    const completed: unknown[] = [];
    const errors: unknown[] = [];
    const worker = aWorker(async (job) => {
      const [, added] = await sendTransaction(client, (tx) => [
        tx.complete(job, job.data * 2),
        tx.add(next, 'n', `of ${job.data}`, { priority: 3, jobId: `next-${job.data}` }),
      ]);
      return added.id;
    });
    worker.on('completed', (job, result) => completed.push([job.id, result, job.returnvalue]));
    worker.on('error', (error) => errors.push(error));
    worker.on('stalled', (job) => errors.push(job));
    const { id } = await queue.add('n', 21);
    await eventually(() => expect(completed).toEqual([[id, 42, 42]]));
    expect(await queue.getJob(id)).toMatchObject({ state: 'completed', returnvalue: 42 });
    expect(await next.getJob('next-21')).toMatchObject({ data: 'of 21', priority: 3, state: 'waiting' });
    expect(errors).toEqual([]);
    await next.close();
  });

  it('of a processor fails or releases its job, and what it throws then is emitted as an error', async () => {
    const { queue, client, aWorker } = aSetting();
    const failed: unknown[] = [];
    const errors: unknown[] = [];
    let released = 0;
    const worker = aWorker(async (job) => {
      if (job.data === 1) {
        await sendTransaction(client, (tx) => [tx.fail(job, 'no luck', { retry: false })]);
        throw new Error('after its end');
      }
      if (released > 0) return;
      released += 1;
      await sendTransaction(client, (tx) => [tx.release(job)]);
    });
    worker.on('failed', (job, error) => failed.push([job?.id, error.message, job?.failedReason]));
    worker.on('error', (error) => errors.push(error.message));
    const { id } = await queue.add('n', 1, { attempts: 3 });
    const other = await queue.add('n', 2);
    await eventually(async () => expect(await other.getState()).toBe('completed'));
    await eventually(() => expect([failed, errors]).toEqual([[[id, 'no luck', 'no luck']], ['after its end']]));
    expect(await queue.getJob(id)).toMatchObject({ state: 'failed', failedReason: 'no luck' });
    expect(await queue.getJob(other.id)).toMatchObject({ attemptsMade: 1 });
  });

  it.each([
    ['does not retry', undefined, new UnrecoverableError('useless'), 'failed'],
    ['retries with the option', true, new UnrecoverableError('useless'), 'delayed'],
    ['retries after another error', undefined, new Error('some'), 'delayed'],
  ])('of a processor %s', async (_what, retry, error, state) => {
    const { queue, client, aWorker } = aSetting();
    aWorker(async (job) => {
      await sendTransaction(client, (tx) => [tx.fail(job, error, retry === undefined ? {} : { retry })]);
    });
    const { id } = await queue.add('n', 1, { attempts: 3, backoff: LONG_MS });
    await eventually(async () => expect(await queue.getJobState(id)).toBe(state));
  });

  it('returns the value of each operation, in their order', async () => {
    const { queue, client } = aClient();
    const [one, two, three] = await queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data, opts: { delay: LONG_MS } })));
    if (one === undefined || two === undefined || three === undefined) throw new Error('no jobs');
    const values = await sendTransaction(client, (tx) => [
      tx.promote(one),
      tx.log(two, 'row'),
      tx.add(queue, 'n', 4, { keepLogs: 5 }),
      tx.changeDelay(three, 2 * LONG_MS),
    ]);
    expect(values.slice(0, 2)).toEqual([undefined, 1]);
    expect(values[2]).toMatchObject({ id: '4', data: 4, opts: { keepLogs: 5 } });
    await sendTransaction(client, (tx) => [
      tx.changePriority(one, { priority: 4 }),
      tx.updateData(two, 20),
      tx.updateProgress(three, 'half'),
      tx.remove(values[2]),
    ]);
    await sendTransaction(client, (tx) => [tx.clearLogs(two), tx.remove(one)]);
    expect(await queue.getJob('1')).toBeUndefined();
    expect(await queue.getJob('2')).toMatchObject({ data: 20, name: 'n' });
    expect(await queue.getJob('3')).toMatchObject({ progress: 'half' });
    expect(await queue.getJob('4')).toBeUndefined();
    expect(await sendTransaction(client, () => [])).toEqual([]);
  });

  it('that is rejected names the operation, and has no effect', async () => {
    const { queue, client } = aClient();
    const job = await queue.add('n', 1, { jobId: 'x' });
    const rejected = await failureOf(sendTransaction(client, (tx) => [tx.add(queue, 'n', 2), tx.promote(job)]));
    expect(rejected).toBeInstanceOf(TransactionError);
    expect(rejected).toMatchObject({
      code: 'TRANSACTION_REJECTED',
      outcome: 'not-applied',
      operation: 1,
      cause: expect.any(JobStateError),
    });
    expect((rejected as Error).message).toContain('operation 1 (promote)');
    await job.remove();
    const gone = await failureOf(sendTransaction(client, (tx) => [tx.log(job, 'row'), tx.add(queue, 'n', 2)]));
    expect(gone).toMatchObject({ operation: 0, cause: expect.any(JobNotFoundError), message: expect.stringContaining('no job x.') });
    expect(await queue.count()).toBe(0);
  });

  it('of a worker that lost its lease has no effect, and the worker reports the loss', async () => {
    const { queue, client, aWorker } = aSetting();
    const failures: unknown[] = [];
    aWorker(async (job) => {
      await queue.obliterate({ force: true });
      failures.push(await failureOf(sendTransaction(client, (tx) => [tx.add(queue, 'n', 2, { delay: LONG_MS }), tx.complete(job)])));
    });
    await queue.add('n', 1);
    await eventually(() => expect(failures).toEqual([expect.any(TransactionError)]));
    expect(failures[0]).toMatchObject({ operation: 1, cause: expect.any(LeaseLostError) });
    expect(await queue.count()).toBe(0);
  });

  it('of jobs and queues of another cluster is not sent', async () => {
    const { queue, cluster } = aClient();
    const { queue: foreign } = aClient();
    const [own, theirs] = [await queue.add('n', 1), await foreign.add('n', 1)];
    const second = new Client(cluster);
    const sent = await sendTransaction(second, (tx) => [tx.log(own, 'row'), tx.add(queue, 'n', 2)]);
    expect(sent[0]).toBe(1);
    const adding = await failureOf(sendTransaction(second, (tx) => [tx.log(own, 'row'), tx.add(foreign, 'n', 3)]));
    expect(adding).toBeInstanceOf(InvalidOptionError);
    expect((adding as Error).message).toMatch(
      /"operations\[1\].queue" has the value "numbers". Its cluster is not that of the transaction/,
    );
    const removing = await failureOf(sendTransaction(second, (tx) => [tx.remove(theirs)]));
    expect((removing as Error).message).toMatch(/"operations\[0\].job" has the value "1". Its cluster/);
    expect([await queue.count(), await foreign.count()]).toEqual([2, 1]);
    await second.close();
  });

  it.each<[string, (tx: Transaction, queue: Queue<number>, job: Job<number>) => unknown, string]>([
    ['a promise', (tx, queue, job) => [tx.log(job, 'a'), queue.getJob('1')], 'operations[1]'],
    ['false', (tx, _queue, job) => [tx.log(job, 'a'), false], 'operations[1]'],
    ['undefined', () => [undefined], 'operations[0]'],
    ['a place that is not set', () => new Array(1), 'operations[0]'],
    ['a list', (tx, _queue, job) => [[tx.log(job, 'a')]], 'operations[0]'],
    ['an add to a name', (tx, _queue, job) => [tx.log(job, 'a'), tx.add('numbers' as never, 'n', 1)], 'operations[1].queue'],
    ['a change of an id', (tx) => [tx.remove('1' as never)], 'operations[0].job'],
    ['an end of an id', (tx) => [tx.complete('1' as never)], 'operations[0].job'],
    ['new data of nothing', (tx) => [tx.updateData(undefined as never, 1 as never)], 'operations[0].job'],
  ])('with %s in it is not sent, and the error names its position', async (_what, build, path) => {
    const { queue, client } = aClient();
    const job = await queue.add('n', 1);
    const rejected = await failureOf(sendTransaction(client, (tx) => build(tx, queue, job) as []));
    expect(rejected).toBeInstanceOf(InvalidOptionError);
    expect((rejected as InvalidOptionError).option).toBe(path);
    expect((rejected as Error).message).toContain('Give ');
    expect(await queue.getJobLogs('1')).toEqual({ logs: [], count: 0 });
  });

  it('is not sent if it cannot be one', async () => {
    const { queue, client } = aClient();
    const job = await queue.add('n', 1);
    const rejected = (build: (tx: Transaction) => readonly ReturnType<Transaction['remove']>[]) =>
      failureOf(sendTransaction(client, build));
    expect(await rejected((tx) => [tx.remove(job), tx.promote(job)])).toBeInstanceOf(InvalidOptionError);
    expect(await rejected((tx) => [tx.complete(job, 5)])).toBeInstanceOf(InvalidOptionError);
    expect(await rejected((async () => []) as never)).toBeInstanceOf(InvalidOptionError);
    const many = await failureOf(sendTransaction(client, (tx) => Array.from({ length: 1_001 }, () => tx.add(queue, 'n', 2))));
    expect(many).toBeInstanceOf(TransactionTooLargeError);
    expect((many as Error).message).toContain('The transaction has 1001 operations; 1000 operations and ');
    const large = await failureOf(
      sendTransaction(client, (tx) => Array.from({ length: 20 }, () => tx.add(queue, 'n', new Uint8Array(1_000_000) as unknown as number))),
    );
    expect(large).toMatchObject({ code: 'TRANSACTION_TOO_LARGE', outcome: 'not-applied' });
    expect(await queue.count()).toBe(1);
  });
});
