import { ErrorCode } from '../protocol/reply.ts';
import { JobAdds } from './job-adds.ts';
import { APPLIED } from './job-edits.ts';

/** What changes the logs of jobs. */
export class JobLogs extends JobAdds {
  /**
   * A job in any state gets another row.
   * @param token of the lease that must go on; 0 for none.
   * @param row is kept.
   * @param keepMax how many rows the job keeps, beside the limit of its policy; 0 for no other one.
   * @returns how many rows it has, or the ErrorCode behind `fault`.
   */
  addLog(
    queueName: string,
    jobId: number,
    token: number,
    row: Uint8Array,
    keepMax: number,
  ): { readonly rows: number } | { readonly fault: number } {
    const job = this.findHeld(queueName, jobId, token);
    if (typeof job === 'number') return { fault: job };
    const { keepLogs } = job.policy;
    const kept = keepMax === 0 || keepLogs === 0 ? Math.max(keepMax, keepLogs) : Math.min(keepMax, keepLogs);
    return { rows: this.logs.append(jobId, row, kept) };
  }

  /** A job in any state loses its rows. @param keepMax how many of the newest stay. */
  clearLogs(queueName: string, jobId: number, keepMax: number): number {
    if (this.find(queueName, jobId) === undefined) return ErrorCode.jobNotFound;
    this.logs.clear(jobId, keepMax);
    return APPLIED;
  }
}
