import { ByteWriter } from '../base/bytes.ts';
import { ChildStatus, OnFailure } from '../protocol/flow.ts';
import { StateCode } from '../protocol/job-state.ts';
import { OutcomeKind } from '../protocol/reply.ts';
import { setOutcome } from './attempt.ts';
import type { ChildLink } from './flow-link.ts';
import type { Job } from './job.ts';
import { JobIndexes } from './job-indexes.ts';

/** Of the searches for active jobs. */
const REMEMBERED_MAX = 1_000;

/**
 * Jobs that wait for their children, and what the end of a child does to its parent. A tree never grows after its add, so that everything
 * here looks at no more jobs than one add has.
 */
export class JobFlows extends JobIndexes {
  /** By a job: one below it that was active when it was last asked for. No part of the state: it shortens a search. */
  readonly #activeBelow = new Map<number, number>();

  /** The child completed. Call it before the child may leave the state. @param chunk contains the result. */
  protected onChildCompleted(child: Job, chunk: Uint8Array, resultAt: number, length: number): void {
    const link = this.flows.linkOf(child.id);
    if (link === undefined) return;
    this.flows.setStatus(link, ChildStatus.processed, length > 0 ? chunk.slice(resultAt, resultAt + length) : undefined);
    this.#releaseIfFree(link);
  }

  /**
   * The child failed for good. Call it before the child may leave the state.
   * @returns the parent if that fails, too; it is in no index.
   */
  protected onChildFailed(child: Job): Job | undefined {
    const link = this.flows.linkOf(child.id);
    if (link === undefined || link.onFailure === OnFailure.wait) return undefined;
    const parent = this.table.get(link.parent.id);
    if (link.onFailure === OnFailure.remove) {
      this.flows.remove(link);
      this.#releaseIfFree(link);
      return undefined;
    }
    const fails = link.onFailure === OnFailure.failParent;
    this.flows.setStatus(link, fails ? ChildStatus.failed : ChildStatus.ignored, child.end.outcome);
    if (!fails) {
      this.#releaseIfFree(link);
      return undefined;
    }
    if (parent?.state !== StateCode['waiting-children']) return undefined;
    this.leaveWaitingChildren(parent);
    const reason = childFailedReason(link);
    this.changes.outcome(parent, reason.length);
    setOutcome(parent, OutcomeKind.reason, reason);
    return parent;
  }

  /** A job that failed waits again, and its parent for it. */
  protected onChildRetried(child: Job): void {
    const link = this.flows.linkOf(child.id);
    if (link !== undefined && link.status !== ChildStatus.unprocessed) this.flows.setStatus(link, ChildStatus.unprocessed, undefined);
  }

  /** The job is gone. Its parent keeps what became of it; one that is gone itself keeps nothing. */
  protected override leaveFlow(job: Job): void {
    const link = this.flows.linkOf(job.id);
    if (link?.status === ChildStatus.unprocessed) {
      this.flows.remove(link);
      this.#releaseIfFree(link);
    }
    const parent = this.flows.parent(job.id);
    if (parent !== undefined) this.flows.removeChildrenOf(parent);
  }

  /** The parent of a job waits for it no longer, and knows nothing of it. @returns whether it had one. */
  protected detach(child: Job): boolean {
    const link = this.flows.linkOf(child.id);
    if (link === undefined) return false;
    this.flows.remove(link);
    this.#releaseIfFree(link);
    return true;
  }

  /** The ids of all jobs below one that are there. */
  idsBelow(jobId: number): number[] {
    return this.#below(jobId).map(({ id }) => id);
  }

  /** Whether a worker has a job below. A tree is searched once for it, however often that is asked, until the job that was found has ended. */
  hasActiveBelow(jobId: number): boolean {
    const known = this.#activeBelow.get(jobId);
    if (known !== undefined && this.table.get(known)?.state === StateCode.active && this.#isBelow(known, jobId)) return true;
    const active = this.#below(jobId).find(({ state }) => state === StateCode.active);
    if (this.#activeBelow.size >= REMEMBERED_MAX) this.#activeBelow.clear();
    if (active !== undefined) this.#activeBelow.set(jobId, active.id);
    return active !== undefined;
  }

  #isBelow(jobId: number, rootId: number): boolean {
    let link = this.flows.linkOf(jobId);
    while (link !== undefined && link.parent.id !== rootId) link = this.flows.linkOf(link.parent.id);
    return link !== undefined;
  }

  #below(jobId: number): Job[] {
    const root = this.table.get(jobId);
    return root === undefined ? [] : this.treeOf(root).slice(1);
  }

  /** The job, and all below it that are there, parents before their children. */
  protected treeOf(root: Job): Job[] {
    const jobs = [root];
    // The list grows while it is read.
    for (const { id } of jobs) jobs.push(...this.#childrenOf(id, () => true));
    return jobs;
  }

  /** The children of a job, and theirs, that have not ended and are not active. */
  protected unprocessedBelow(root: Job): Job[] {
    const isFree = ({ state }: Job): boolean =>
      state === StateCode.waiting || state === StateCode.delayed || state === StateCode['waiting-children'];
    const jobs = [root];
    for (const { id } of jobs) jobs.push(...this.#childrenOf(id, isFree));
    return jobs.slice(1);
  }

  #childrenOf(jobId: number, isWanted: (job: Job) => boolean): Job[] {
    const parent = this.flows.parent(jobId);
    if (parent === undefined) return [];
    const found: Job[] = [];
    for (const { id } of this.flows.childrenOf(parent)) {
      const job = this.table.get(id);
      if (job !== undefined && isWanted(job)) found.push(job);
    }
    return found;
  }

  #releaseIfFree({ parent }: ChildLink): void {
    const job = this.table.get(parent.id);
    if (job?.state === StateCode['waiting-children'] && !parent.mustWait) this.endWaitForChildren(job);
  }
}

/** The stored reason of a parent that fails since a child failed. */
function childFailedReason({ id, queue, customId }: ChildLink): Uint8Array {
  const to = new ByteWriter();
  to.text(`child ${queue}:${customId ?? id} failed`);
  return to.copy().slice(4);
}
