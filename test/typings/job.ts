import { Job, type JobOptions, type SandboxJob } from 'jobraft';
import { expectTypeOf } from 'vitest';

interface Mail {
  readonly to: string;
}
interface Receipt {
  readonly sentAt: number;
}

export function hasTheFieldsOfBullmq(job: Job<Mail, Receipt>): void {
  expectTypeOf(job.id).toEqualTypeOf<string>();
  expectTypeOf(job.name).toEqualTypeOf<string>();
  expectTypeOf(job.queueName).toEqualTypeOf<string>();
  expectTypeOf(job.data).toEqualTypeOf<Mail>();
  expectTypeOf(job.returnvalue).toEqualTypeOf<Receipt | undefined>();
  expectTypeOf(job.opts).toEqualTypeOf<JobOptions>();
  expectTypeOf(job.timestamp).toEqualTypeOf<number>();
  expectTypeOf(job.processedOn).toEqualTypeOf<number | undefined>();
  expectTypeOf(job.finishedOn).toEqualTypeOf<number | undefined>();
  expectTypeOf(job.attemptsMade).toEqualTypeOf<number>();
  expectTypeOf(job.stalledCounter).toEqualTypeOf<number>();
  expectTypeOf(job.failedReason).toEqualTypeOf<string | undefined>();
}

export function hasAFencingTokenAsANumber(job: Job): void {
  expectTypeOf(job.token).toEqualTypeOf<number | undefined>();
}

export async function readsAndChangesItsState(job: Job<Mail, Receipt>): Promise<void> {
  const state = await job.getState();
  expectTypeOf<'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'unknown'>().toExtend<typeof state>();
  expectTypeOf(state).not.toEqualTypeOf<string>();
  expectTypeOf(await job.isCompleted()).toEqualTypeOf<boolean>();
  await job.retry();
  await job.retry('failed');
  await job.remove();
  await job.changePriority({ priority: 2 });
  await job.changeDelay(5_000);
  await job.updateProgress({ sent: 5 });
  await job.updateData({ to: 'grace' });
  // @ts-expect-error data of another type
  await job.updateData({ to: 5 });
  expectTypeOf(job.progress).toEqualTypeOf<string | number | boolean | object>();
  // @ts-expect-error only BullMQ can change it
  await job.changePriority({ lifo: true });
  // @ts-expect-error only dead letters are retried
  await job.retry('completed');
  await job.remove({ removeChildren: true });
  expectTypeOf(await job.getChildrenValues<number>()).toEqualTypeOf<Record<string, number>>();
}

export async function lacksWhatOnlyBullmqHas(job: Job<Mail>): Promise<void> {
  // @ts-expect-error only BullMQ has it
  await job.moveToFailed(new Error('no'), 'token');
  // @ts-expect-error only BullMQ has it
  void job.parent;
  // @ts-expect-error before the names of BullMQ
  void job.addedAt;
  // @ts-expect-error the result cannot be changed
  job.returnvalue = undefined;
}

export function isGenericAlsoInAThread(job: SandboxJob<Mail>): void {
  expectTypeOf(job.id).toEqualTypeOf<string>();
  expectTypeOf(job.data).toEqualTypeOf<Mail>();
  // @ts-expect-error a thread has no connection to the cluster
  void job.retry;
}

export function isUnknownWithoutTypeArguments(value: unknown): void {
  if (value instanceof Job) expectTypeOf(value.data).toBeAny();
  expectTypeOf<Job['data']>().toBeUnknown();
}
