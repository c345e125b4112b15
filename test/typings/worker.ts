import {
  type Cluster,
  type Job,
  type JobProgress,
  LeaseLostError,
  type Processor,
  Worker,
  type WorkerEvents,
  type WorkerOptions,
} from 'jobraft';
import { expectTypeOf } from 'vitest';

interface Mail {
  readonly to: string;
}
interface Receipt {
  readonly sentAt: number;
}

export function callsItsProcessorWithAJobItsTokenAndASignal(connection: Cluster): void {
  expectTypeOf<Processor<Mail, Receipt>>().parameters.toEqualTypeOf<[job: Job<Mail, Receipt>, token: string, signal: AbortSignal]>();
  expectTypeOf<Processor<Mail, Receipt>>().returns.toEqualTypeOf<Receipt | Promise<Receipt>>();

  new Worker<Mail, Receipt>(
    'mails',
    async (job, token, signal) => {
      expectTypeOf(job.data).toEqualTypeOf<Mail>();
      expectTypeOf(token).toEqualTypeOf<string>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      return { sentAt: 1 };
    },
    { connection },
  );
  new Worker<Mail, Receipt>('mails', (job) => ({ sentAt: job.timestamp }), { connection });
  new Worker<Mail, Receipt>('mails', './processor.js', { connection, threads: 4 });
  new Worker<Mail, Receipt>('mails', new URL('file:///processor.js'), { connection });

  // @ts-expect-error another result
  new Worker<Mail, Receipt>('mails', async () => 'sent', { connection });
  // @ts-expect-error another job
  new Worker<Mail, Receipt>('mails', async (job: Job<number, Receipt>) => ({ sentAt: job.data }), { connection });
  // @ts-expect-error no processor
  new Worker<Mail, Receipt>('mails', null, { connection });
  // @ts-expect-error no connection
  new Worker<Mail, Receipt>('mails', () => ({ sentAt: 1 }), {});
}

export function infersItsTypesFromTheProcessor(connection: Cluster): void {
  const worker = new Worker('mails', async (job: Job<Mail, Receipt>) => ({ sentAt: job.timestamp }), { connection });
  expectTypeOf(worker).toEqualTypeOf<Worker<Mail, Receipt>>();
}

export function typesTheArgumentsOfItsEvents(worker: Worker<Mail, Receipt>): void {
  expectTypeOf<WorkerEvents<Mail, Receipt>['completed']>().toEqualTypeOf<[job: Job<Mail, Receipt>, result: Receipt]>();
  worker
    .on('active', (job) => expectTypeOf(job).toEqualTypeOf<Job<Mail, Receipt>>())
    .on('completed', (job, result) => {
      expectTypeOf(job).toEqualTypeOf<Job<Mail, Receipt>>();
      expectTypeOf(result).toEqualTypeOf<Receipt>();
    })
    .once('failed', (job, error) => {
      expectTypeOf(job.data).toEqualTypeOf<Mail>();
      expectTypeOf(error).toEqualTypeOf<Error>();
    })
    .on('progress', (job, progress) => {
      expectTypeOf(job.data).toEqualTypeOf<Mail>();
      expectTypeOf(progress).toEqualTypeOf<JobProgress>();
    })
    .off('stalled', (_job, error) => expectTypeOf(error).toEqualTypeOf<LeaseLostError>())
    .on('drained', () => undefined)
    .on('error', (error) => expectTypeOf(error).toEqualTypeOf<Error>());
  // @ts-expect-error an event that only BullMQ has
  worker.on('locksRenewed', () => undefined);
  // @ts-expect-error no event of this name
  worker.once('complete', () => undefined);
  // @ts-expect-error another argument
  worker.on('completed', (job: Job<number, Receipt>) => job.data);
}

export function takesItsOptions(): void {
  expectTypeOf<WorkerOptions['concurrency']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<WorkerOptions['lockDuration']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<WorkerOptions['maxStalledCount']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<WorkerOptions>().not.toHaveProperty('leaseMs');
  expectTypeOf<WorkerOptions['limiter']>().toEqualTypeOf<{ readonly max: number; readonly duration: number } | undefined>();
}

export async function isClosedAndAsked(worker: Worker<Mail, Receipt>): Promise<void> {
  expectTypeOf(worker.isRunning()).toEqualTypeOf<boolean>();
  expectTypeOf(worker.concurrency).toEqualTypeOf<number>();
  worker.concurrency = 5;
  // @ts-expect-error a number
  worker.concurrency = '5';
  await worker.waitUntilReady();
  await worker.close();
  await worker.close(true);
  await using _disposable: AsyncDisposable = worker;
  // @ts-expect-error only BullMQ has it
  await worker.rateLimit(5);
}

export function narrowsAnErrorByItsClass(error: unknown): void {
  if (error instanceof LeaseLostError) expectTypeOf(error.jobId).toEqualTypeOf<string>();
}
