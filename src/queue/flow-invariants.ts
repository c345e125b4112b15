import { invariant } from '../base/invariant.ts';
import { ChildStatus, OnFailure } from '../protocol/flow.ts';
import { StateCode } from '../protocol/job-state.ts';
import type { JobStore } from './job-store.ts';

/**
 * A job waits for its children exactly while one of them has not ended; each child that a parent waits for is there, and each parent of a
 * child; the counts of a parent are those of its children.
 * @throws {InvariantViolation}
 */
export function checkFlows({ flows, table }: JobStore): void {
  for (const link of flows.links()) {
    const { id, parent, status, onFailure, valueLength } = link;
    const child = table.get(id);
    invariant(flows.parent(parent.id) === parent && parent.id < id, () => `child ${id} has the parent ${parent.id}, which is not found`);
    invariant(table.get(parent.id) !== undefined, () => `child ${id} has the parent ${parent.id}, which is gone`);
    invariant(status !== ChildStatus.unprocessed || child !== undefined, () => `job ${parent.id} waits for child ${id}, which is gone`);
    invariant(status !== ChildStatus.unprocessed || valueLength === 0, () => `child ${id} has a value before its end`);
    if (child === undefined) continue;
    const { state } = child;
    if (status === ChildStatus.processed) invariant(state === StateCode.completed, () => `child ${id} has a result in state ${state}`);
    else if (status !== ChildStatus.unprocessed) invariant(state === StateCode.failed, () => `child ${id} is failed in state ${state}`);
    else if (state === StateCode.failed) invariant(onFailure === OnFailure.wait, () => `child ${id} failed, and its parent waits`);
    else invariant(state !== StateCode.completed, () => `child ${id} completed, and its parent does not have its result`);
  }
  for (const parent of flows.parents()) {
    const counts = parent.counts.map(() => 0);
    let continued = 0;
    for (const { status, onFailure } of flows.childrenOf(parent)) {
      counts[status] = (counts[status] as number) + 1;
      if (status === ChildStatus.ignored && onFailure === OnFailure.continueParent) continued += 1;
    }
    const isCounted = parent.continued === continued && counts.every((count, status) => count === parent.counts[status]);
    invariant(isCounted && parent.size > 0, () => `job ${parent.id} counts its children as ${parent.counts}, and has ${counts}`);
    const state = table.get(parent.id)?.state;
    const isWaiting = state === StateCode['waiting-children'];
    invariant(!isWaiting || parent.mustWait, () => `job ${parent.id} waits for children, and all of them ended`);
  }
  for (const job of table.jobs()) {
    const waits = job.state === StateCode['waiting-children'];
    invariant(!waits || flows.parent(job.id) !== undefined, () => `job ${job.id} waits for children, and has none`);
  }
}
