import { OnFailure } from '../../protocol/flow.ts';
import type { JobKey } from '../functions.ts';
import { type HistoryOperation, isBefore, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { addOf, type JobClaim, type JobHistory, jobHistoriesOf } from './job-history.ts';
import { trimmedQueues } from './retention-terms.ts';
import { Problems, type Verdict } from './verdict.ts';

/** A job of a flow with its add, which is certain. */
interface Member {
  readonly job: JobHistory;
  readonly add: OperationOf<'add'>;
}

interface Context {
  /** Claims of unknown outcome: what they took may have stalled too often. */
  readonly unknown: readonly OperationOf<'claim'>[];
  /** The queues that remove failed jobs to keep later ones. */
  readonly trimmed: ReadonlySet<string>;
}

/**
 * A job is claimed only once each of its children has ended, or may have: completed, failed for good under a rule that does not make its
 * parent wait, or removed; unless one of them failed under the rule to go on without the others. And no job is claimed after the final failure
 * of a child that fails its parent, unless one of them was retried.
 */
export function checkFlows(operations: readonly HistoryOperation[]): Verdict {
  const problems = new Problems();
  const parents = new Map<JobKey, Member>();
  const children = new Map<JobKey, Member[]>();
  const isFlow = operations.filter(isFunction('add')).some(({ call }) => call.hasChildren === true);
  for (const job of isFlow ? jobHistoriesOf(operations).values() : []) {
    const add = job.adds.length === 1 ? addOf(job) : undefined;
    if (add === undefined) continue;
    const { key, hasChildren, parentKey } = add.call;
    if (hasChildren === true) parents.set(key, { job, add });
    if (parentKey !== undefined) children.set(parentKey, [...(children.get(parentKey) ?? []), { job, add }]);
  }
  const unknown = operations.filter(isFunction('claim')).filter(({ outcome }) => outcome === 'info');
  const context = { unknown, trimmed: trimmedQueues(operations).failed };
  let checked = 0;
  for (const [key, parent] of parents) {
    const [claim] = parent.job.claims.toSorted((one, other) => one.token - other.token);
    if (claim === undefined) continue;
    checked += 1;
    checkParent(parent, claim, children.get(key) ?? [], context, problems);
  }
  return problems.verdict('flows', checked);
}

function checkParent({ job, add }: Member, claim: JobClaim, children: readonly Member[], context: Context, problems: Problems): void {
  const { operation } = claim;
  // What removes the children of a job need not name them.
  if (job.changes.some(({ f }) => f === 'removeUnprocessed') || job.retries.length > 0) return;
  const mayGoOn = children.some((child) => ruleOf(child) === OnFailure.continueParent && mayHaveFailed(child, operation, context.unknown));
  for (const child of children) {
    const isEnded = mayHaveEnded(child, operation, context);
    if (!mayGoOn && !isEnded)
      problems.add(`job ${job.id} was claimed before its child ${child.job.id} had ended`, add, child.add, operation);
    const failure = ruleOf(child) === OnFailure.failParent ? finalFailureOf(child) : undefined;
    if (mayGoOn || failure === undefined || !isBefore(failure, operation)) continue;
    problems.add(`job ${job.id} was claimed after its child ${child.job.id} had failed it`, child.add, failure, operation);
  }
}

const ruleOf = ({ add }: Member): number => add.call.onFailure ?? OnFailure.wait;

/** Before this claim of the parent, in a way for which the parent waits no longer. */
function mayHaveEnded(child: Member, claim: OperationOf<'claim'>, { unknown, trimmed }: Context): boolean {
  const { completes, removes, changes } = child.job;
  const ends = [...completes, ...removes, ...changes.filter(({ f }) => f === 'removeDependency')];
  if (ends.some((end) => mayHaveApplied(end) && end.invokedAt < claim.returnedAt)) return true;
  // A failed job that its queue does not keep is removed, under any rule.
  const { keepFailed, queue } = child.add.call;
  const isKept = keepFailed === -1 && !trimmed.has(queue);
  return (ruleOf(child) !== OnFailure.wait || !isKept) && mayHaveFailed(child, claim, unknown);
}

/** By a call, since it stalled, or with a child of its own. */
function mayHaveFailed({ job, add }: Member, claim: OperationOf<'claim'>, unknown: readonly OperationOf<'claim'>[]): boolean {
  if (add.call.hasChildren === true) return true;
  if (job.fails.some((fail) => mayHaveApplied(fail) && fail.invokedAt < claim.returnedAt)) return true;
  const mayStall = ({ operation, token }: JobClaim): boolean =>
    operation.invokedAt < claim.returnedAt && !job.completes.some(({ outcome, call }) => outcome === 'ok' && call.token === token);
  return job.claims.some(mayStall) || unknown.some((one) => one.call.queue === add.call.queue && one.invokedAt < claim.returnedAt);
}

/** One that was certainly final, and stays. */
const finalFailureOf = ({ job }: Member): OperationOf<'fail'> | undefined =>
  job.retries.length > 0 || job.changes.some(({ f }) => f === 'removeDependency')
    ? undefined
    : job.fails.find(({ outcome, call }) => outcome === 'ok' && call.retry === false);
