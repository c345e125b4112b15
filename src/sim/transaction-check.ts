import { type HistoryOperation, isFunction } from '../history/operation.ts';
import { decodeReply, type JobDetail } from '../protocol/reply.ts';
import { RequestEncoder } from '../protocol/request-encoder.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { SentTransaction } from './queue-records.ts';
import { checkProperty, isDamage } from './violation.ts';

/**
 * At the end: of each transaction, also of unknown outcome, everything is there or nothing.
 * @param keys of the jobs that are there. @param areAllKept whether no job was removed to keep later ones.
 */
export function checkTransactions(
  transactions: readonly SentTransaction[],
  operations: readonly HistoryOperation[],
  machine: JobQueue,
  keys: ReadonlySet<unknown>,
  areAllKept: boolean,
): void {
  const seen = new Set(keys);
  const latestTokens = new Map<number, number>();
  for (const claim of operations.filter(isFunction('claim')))
    for (const { job, key, token } of claim.result?.jobs ?? []) {
      seen.add(key);
      latestTokens.set(job, Math.max(token, latestTokens.get(job) ?? 0));
    }
  for (const { call, result } of operations.filter(isFunction('add'))) if (result !== undefined) seen.add(call.key);
  for (const { job, token, keys: added } of transactions) {
    const found = added.filter((key) => seen.has(key));
    const detail = detailOf(machine, job);
    const isClaimedLater = (latestTokens.get(job) ?? 0) > token;
    const isOpen = detail !== undefined && detail.state !== 'completed';
    checkProperty(
      found.length === 0 || !(isClaimedLater || isOpen),
      'a transaction takes effect as a whole',
      () => `job ${job} was not completed under token ${token}, but "${found.join('", "')}" was added`,
    );
    const isCompleted = detail?.state === 'completed' && detail.token === token && isByTransaction(operations, job, token);
    checkProperty(
      !(areAllKept && isCompleted) || found.length === added.length,
      'a transaction takes effect as a whole',
      () => `job ${job} was completed under token ${token}, but of "${added.join('", "')}" only ${found.length} were added`,
    );
  }
}

/** Whether no other call of its client can have completed the job: each transaction is recorded as one. */
const isByTransaction = (operations: readonly HistoryOperation[], job: number, token: number): boolean =>
  operations.filter((one) => one.f === 'complete' && one.call.job === job && one.call.token === token).length === 1;

function detailOf(machine: JobQueue, jobId: number): JobDetail | undefined {
  const encoder = new RequestEncoder();
  encoder.begin(1, 1, 1);
  encoder.command('getJob', { jobId });
  try {
    const [result] = decodeReply(machine.query(encoder.finish())).results;
    return result?.ok && result.type === 'job' ? result.job : undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
}
