import { COMMANDS } from '../protocol/commands.ts';
import { StateCode } from '../protocol/job-state.ts';
import type { OperationReader } from '../protocol/request-reader.ts';
import type { JobStore } from './job-store.ts';

type Named = Pick<OperationReader, 'code' | 'jobId'>;

const ENDS: readonly number[] = [COMMANDS.complete.code, COMMANDS.fail.code];

/**
 * The jobs that operations of a transaction may change without naming them: parents of a job that ends, everything below one that is
 * removed, and a delayed job whose place an add takes that was kept until a job ends. A later operation that names one of them was checked
 * against a state that is not there any more when it is executed.
 */
export class TransactionConflicts {
  readonly #jobs: JobStore;
  readonly #reached = new Set<number>();
  /** The jobs that operations name. */
  readonly named = new Set<number>();

  constructor(jobs: JobStore) {
    this.#jobs = jobs;
  }

  /** Whether an operation before this one may change the job that it names. */
  isReached({ jobId }: Named): boolean {
    return this.#reached.has(jobId);
  }

  /** The operation is executed before the next ones. */
  add({ code, jobId }: Named): void {
    this.named.add(jobId);
    const { flows } = this.#jobs;
    const isRemoved = code === COMMANDS.remove.code;
    if (!isRemoved && !ENDS.includes(code)) return;
    if (!flows.isEmpty) {
      // A flow has a bounded number of levels, and of jobs.
      for (let link = flows.linkOf(jobId); link !== undefined; link = flows.linkOf(link.parent.id)) this.#reached.add(link.parent.id);
      if (isRemoved) for (const id of this.#jobs.idsBelow(jobId)) this.#reached.add(id);
    }
    if (!isRemoved) this.#addReplaced(jobId);
  }

  #addReplaced(jobId: number): void {
    const { deduplications, table, logMs } = this.#jobs;
    const kept = deduplications.get(jobId)?.next?.deduplication;
    if (kept?.isReplacing !== true) return;
    const holder = deduplications.holderOf(table.get(jobId)?.queue, kept.id, logMs);
    if (holder !== undefined && table.get(holder.id)?.state === StateCode.delayed) this.#reached.add(holder.id);
  }
}
