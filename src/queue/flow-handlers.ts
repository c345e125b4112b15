import { CHILD_STATUSES, type ChildEntry, NO_PARENT, type ReadFlowJob, readFlow } from '../protocol/flow.ts';
import { NO_STATE } from '../protocol/job-state.ts';
import { ErrorCode } from '../protocol/reply.ts';
import type { Execution } from './execution.ts';
import { ChildLink, FlowParent } from './flow-link.ts';
import type { Job } from './job.ts';
import type { JobStore } from './job-store.ts';

/** Most bytes of children in one page; one child always fits. */
const CHILDREN_BYTES_MAX = 256 * 1024;

export function addFlow({ jobs, replies, operation, data }: Execution): void {
  const { blobAt, blobLength } = operation;
  const nodes = readFlow(data.subarray(blobAt, blobAt + blobLength));
  const known = new Map<ReadFlowJob, Job>();
  for (const node of nodes) {
    const job = node.customId === '' ? undefined : jobs.queues.byName.get(node.queueName)?.jobOf(node.customId);
    if (job === undefined) continue;
    if (node.parent === NO_PARENT) known.set(node, job);
    else if (!isBelow(node, nodes, known)) {
      replies.error(ErrorCode.flowIdTaken, job.id, job.state);
      return;
    }
  }
  for (const job of known.values()) jobs.noteDuplicate(job);
  const firstId = jobs.nextJobId;
  const added = addNodes(jobs, nodes, known, data, blobAt);
  const roots = nodes.flatMap((node, at) => (node.parent === NO_PARENT ? [{ id: known.get(node)?.id ?? (added[at] as Job).id }] : []));
  replies.list('flowAdded', { firstId }, roots);
}

/** Whether the tree of the job has a root that its queue has. */
function isBelow(node: ReadFlowJob, nodes: readonly ReadFlowJob[], known: ReadonlyMap<ReadFlowJob, Job>): boolean {
  let root = node;
  while (root.parent !== NO_PARENT) root = nodes[root.parent] as ReadFlowJob;
  return known.has(root);
}

/** @returns the added job of each node; undefined for those of a tree whose root is known. */
function addNodes(
  jobs: JobStore,
  nodes: readonly ReadFlowJob[],
  known: ReadonlyMap<ReadFlowJob, Job>,
  data: Uint8Array,
  blobAt: number,
): (Job | undefined)[] {
  const added: (Job | undefined)[] = [];
  const parents = new Map<number, FlowParent>();
  for (const node of nodes) {
    const parentJob = added[node.parent];
    if (known.has(node) || (node.parent !== NO_PARENT && parentJob === undefined)) {
      added.push(undefined);
      continue;
    }
    // From the version that has flows on the number of queues is unlimited.
    const queue = jobs.queues.open(node.queueName, jobs.version) as NonNullable<ReturnType<JobStore['queues']['open']>>;
    const job = jobs.add(queue, { ...node, blobAt: blobAt + node.blobAt }, data, node.hasChildren);
    if (parentJob !== undefined) {
      const parent = parents.get(parentJob.id) ?? new FlowParent(parentJob.id);
      parents.set(parentJob.id, parent);
      jobs.flows.add(new ChildLink(job.id, parent, queue.name, job.policy.customId, node.onFailure));
    }
    added.push(job);
  }
  return added;
}

export function removeDependency(run: Execution): void {
  const wasChild = run.jobs.removeDependency(run.operation.queueName, run.operation.jobId);
  if (typeof wasChild === 'number') run.result(wasChild);
  else run.replies.result('detached', { wasChild });
}

/** A page of the children of a job. One parent has no more than one step looks at. */
export function listChildren(run: Execution): void {
  const { jobs, replies, operation } = run;
  const { jobId, queueName, status, hasValues, after, countMax } = operation;
  if (jobs.table.get(jobId)?.queue.name !== queueName) {
    replies.error(ErrorCode.jobNotFound, jobId, NO_STATE);
    return;
  }
  const parent = jobs.flows.parent(jobId);
  const [unprocessed = 0, processed = 0, failed = 0, ignored = 0] = parent?.counts ?? CHILD_STATUSES.map(() => 0);
  const children: ChildEntry[] = [];
  let bytes = 0;
  let looked = 0;
  let last = after;
  let isOver = true;
  for (const link of parent === undefined ? [] : jobs.flows.childrenOf(parent, after)) {
    looked += 1;
    if (link.status === status) {
      bytes += entryBytes(link, hasValues);
      isOver = children.length < countMax && (children.length === 0 || bytes <= CHILDREN_BYTES_MAX);
      if (!isOver) break;
      const { id, queue, customId = '' } = link;
      children.push({ id, queue, customId, status, value: hasValues ? run.bytes.childValueOf(link) : undefined });
    }
    last = link.id;
  }
  run.look(looked);
  replies.result('children', { unprocessed, processed, failed, ignored, isOver, last, children });
}

const entryBytes = ({ queue, customId = '', valueLength }: ChildLink, hasValue: boolean): number => {
  // UTF-8 takes at most three bytes for a unit of UTF-16; the fields of fixed size take 22.
  return 22 + 3 * (queue.length + customId.length) + (hasValue ? valueLength : 0);
};

export function showParent({ jobs, replies, operation: { jobId, queueName } }: Execution): void {
  if (jobs.table.get(jobId)?.queue.name !== queueName) {
    replies.error(ErrorCode.jobNotFound, jobId, NO_STATE);
    return;
  }
  const link = jobs.flows.linkOf(jobId);
  const parent = link === undefined ? undefined : jobs.table.get(link.parent.id);
  const parentCustomId = parent?.policy.customId ?? '';
  replies.result('parent', { parentId: parent?.id ?? 0, parentQueue: parent?.queue.name ?? '', parentCustomId });
}
