import { type BulkJob, type Client, type Cluster, type Job, type JobOptions, Queue } from 'jobraft';
import { expectTypeOf } from 'vitest';

interface Mail {
  readonly to: string;
}
interface Receipt {
  readonly sentAt: number;
}

export async function addsAndReadsJobsOfItsData(queue: Queue<Mail, Receipt>): Promise<void> {
  expectTypeOf(await queue.add('welcome', { to: 'ada' })).toEqualTypeOf<Job<Mail, Receipt>>();
  expectTypeOf(await queue.addBulk([{ name: 'welcome', data: { to: 'ada' }, opts: { delay: 5, lifo: true } }])).toEqualTypeOf<
    Job<Mail, Receipt>[]
  >();
  expectTypeOf(await queue.getJob('1')).toEqualTypeOf<Job<Mail, Receipt> | undefined>();
  expectTypeOf(queue.addBulk).parameter(0).toEqualTypeOf<readonly BulkJob<Mail>[]>();
  expectTypeOf((await queue.getJobCounts()).waiting).toEqualTypeOf<number>();
  await queue.getJob('1', { consistency: 'stale' });
  expectTypeOf(await queue.getJobs(['waiting', 'failed'], { start: 0, end: 9, asc: true })).toEqualTypeOf<Job<Mail, Receipt>[]>();
  expectTypeOf(await queue.getWaiting(0, 9)).toEqualTypeOf<Job<Mail, Receipt>[]>();
  expectTypeOf(await queue.getFailedCount()).toEqualTypeOf<number>();
  expectTypeOf(await queue.getJobCountByTypes('waiting', 'failed')).toEqualTypeOf<number>();
  expectTypeOf(await queue.isPaused()).toEqualTypeOf<boolean>();
  expectTypeOf(await queue.getGlobalConcurrency()).toEqualTypeOf<number | null>();
  expectTypeOf(await queue.getGlobalRateLimit()).toEqualTypeOf<{ readonly max: number; readonly duration: number } | null>();
  expectTypeOf(await queue.getRateLimitTtl()).toEqualTypeOf<number>();
  expectTypeOf(await queue.clean(60_000, 100, 'failed')).toEqualTypeOf<string[]>();
  await using _disposable: AsyncDisposable = queue;

  // @ts-expect-error data of another type
  await queue.add('welcome', { to: 5 });
  // @ts-expect-error no data
  await queue.add('welcome');
  // @ts-expect-error an option of another type
  await queue.add('welcome', { to: 'ada' }, { lifo: 1 });
  // @ts-expect-error data of another type, in bulk
  await queue.addBulk([{ name: 'welcome', data: 'ada' }]);
  // @ts-expect-error an id is a string
  await queue.getJob(1);
  // @ts-expect-error a state that only BullMQ has
  await queue.getJobs(['prioritized']);
  // @ts-expect-error positions are options
  await queue.getJobs(['waiting'], 0, 9);
  // @ts-expect-error there is no such consistency
  await queue.getJob('1', { consistency: 'eventual' });
  // @ts-expect-error an id is a string
  await queue.remove(1);
}

export async function isUnknownWithoutTypeArguments(connection: Cluster): Promise<void> {
  const queue = new Queue('mails', { connection });
  expectTypeOf(queue).toEqualTypeOf<Queue<unknown, unknown>>();
  const job = await queue.add('welcome', 'any data');
  expectTypeOf(job.data).toBeUnknown();
  expectTypeOf(job.returnvalue).toBeUnknown();
}

export function isOpenedOnAClusterOrAClient(cluster: Cluster, client: Client): void {
  new Queue<Mail>('mails', { connection: cluster });
  new Queue<Mail>('mails', { connection: client, defaultJobOptions: { attempts: 3 } });
  // @ts-expect-error no connection
  new Queue<Mail>('mails', {});
  // @ts-expect-error no options
  new Queue<Mail>('mails');
  // @ts-expect-error a connection of BullMQ
  new Queue<Mail>('mails', { connection: { host: 'localhost', port: 6379 } });
  // @ts-expect-error an option that only BullMQ has
  new Queue<Mail>('mails', { connection: cluster, prefix: 'bull' });
}

export function takesOptionsOfJobs(): void {
  expectTypeOf<{ attempts: number }>().toExtend<JobOptions>();
  expectTypeOf<{ backoff: { type: 'exponential'; delay: number } }>().toExtend<JobOptions>();
  expectTypeOf<{ backoff: number; removeOnComplete: true; removeOnFail: number }>().toExtend<JobOptions>();
  expectTypeOf<{ backoff: { type: 'linear'; delay: number } }>().not.toExtend<JobOptions>();
  expectTypeOf<{ delay: string }>().not.toExtend<JobOptions>();
  expectTypeOf<{ removeOnComplete: { age: number }; removeOnFail: { age: number; count: number; limit: number } }>().toExtend<JobOptions>();
  expectTypeOf<{ removeOnComplete: { age: string } }>().not.toExtend<JobOptions>();
  expectTypeOf<{ deduplication: { id: string; ttl: number } }>().toExtend<JobOptions>();
  expectTypeOf<{ deduplication: { ttl: number } }>().not.toExtend<JobOptions>();
  // @ts-expect-error options that only BullMQ has
  ({ jobId: 'mine', repeat: { every: 5 } }) satisfies JobOptions;
}

export async function lacksWhatOnlyBullmqHas(queue: Queue<Mail>): Promise<void> {
  // @ts-expect-error only BullMQ has it
  await queue.getMeta();
  // @ts-expect-error only BullMQ has it
  await queue.getWorkers();
  // @ts-expect-error active jobs cannot be cleaned
  await queue.clean(0, 0, 'active');
  // @ts-expect-error only failed jobs can be retried
  await queue.retryJobs({ state: 'completed' });
  // @ts-expect-error before the names of BullMQ
  await queue.removeJob('1');
}
