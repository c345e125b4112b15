import { DUE_PER_ENTRY_MAX } from '../protocol/limits.ts';
import { decodeReply } from '../protocol/reply.ts';
import { NO_CLIENT, RequestEncoder } from '../protocol/request-encoder.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { NotDrainedError } from './not-drained-error.ts';

/** The jobs that are due now, of all queues. */
export interface DueJobs {
  /** Those that a worker could get, without those of paused queues, by queue. */
  readonly waiting: ReadonlyMap<string, number>;
  /** Active ones, without those of processes that are disconnected: they are due when their leases end. */
  readonly active: number;
}

/** @param disconnected the holders of leases that cannot be ended by their processes. */
export function dueJobs(machine: JobQueue, disconnected: readonly number[]): DueJobs {
  const waiting = new Map<string, number>();
  let active = 0;
  for (const name of machine.queueNames()) {
    const claimable = machine.waitingCount(name);
    if (claimable > 0) waiting.set(name, claimable);
    active += machine.counts(name).active;
  }
  for (const holder of disconnected) active -= heldBy(machine, holder);
  return { waiting, active };
}

/** @throws {NotDrainedError} for the first queue whose jobs wait. */
export function checkDrained({ waiting }: DueJobs): void {
  for (const [queue, count] of waiting) throw new NotDrainedError(queue, count);
}

function heldBy(machine: JobQueue, holder: number): number {
  const encoder = new RequestEncoder(64);
  encoder.begin(NO_CLIENT, 1, 1);
  encoder.command('heldJobs', { holder, countMax: DUE_PER_ENTRY_MAX });
  const [result] = decodeReply(machine.query(encoder.finish())).results;
  return result?.ok === true && result.type === 'held' ? result.jobs.length : 0;
}
