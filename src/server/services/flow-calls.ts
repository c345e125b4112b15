import { checkNotDeduplicated, NOT_IN_FLOW } from '../../client/api/deduplication-options.ts';
import { FlowIds } from '../../client/api/flow-ids.ts';
import { QueueCommands } from '../../client/api/job-commands.ts';
import { parseJobId } from '../../client/api/job-id.ts';
import { addOptionsOf } from '../../client/api/job-options.ts';
import { checkQueueName } from '../../client/api/queue-name.ts';
import { JobNotFoundError } from '../../client/errors.ts';
import { FlowTooLargeError } from '../../client/flow-errors.ts';
import { encodeRawPayload, rawValueOf } from '../../client/payload.ts';
import { CHILD_STATUSES, type ChildEntry, NO_PARENT, type WrittenFlowJob } from '../../protocol/flow.ts';
import { FLOW_DEPTH_MAX, FLOW_JOBS_MAX } from '../../protocol/limits.ts';
import { policyOf } from '../../protocol/request-encoder.ts';
import type { AddFlowRequestProto, FlowJobProto, JobRequestProto, ListChildrenRequestProto } from '../../transport/grpc/jobs-service.ts';
import { jobOptionsOfProto, payloadProto, rawDataOfProto } from './job-protos.ts';
import { operationOf, resultOf, type ServedCall } from './operations.ts';
import { countOf } from './page-size.ts';

/** Names no job: ids are given in ascending order. */
const NO_JOB = Number.MAX_SAFE_INTEGER;
/** Bytes of a job in a request beside its payload. */
const JOB_BYTES = 64;

/** What a node serves of the service Jobs about flows. */
export const FLOW_CALLS = {
  AddFlow: async ({ root, request_id }: AddFlowRequestProto, served: ServedCall) => {
    const jobs = root === null ? [] : flowOf(root, served.client.dispatcher.config.payloadBytesMax);
    const bytes = jobs.reduce((sum, { payload }) => sum + JOB_BYTES + payload.length, 0);
    const { firstId, ids } = await resultOf(
      'flowAdded',
      operationOf(served, request_id, (encoder) => encoder.addFlow(jobs), bytes),
    );
    const [rootId = 0] = ids;
    return { ids: rootId < firstId ? [String(rootId)] : jobs.map((_, at) => String(firstId + at)) };
  },
  ListChildren: async ({ queue, id, status, after, count_max }: ListChildrenRequestProto, served: ServedCall) => {
    const commands = commandsOf(served, queue);
    const sought = parseJobId(id);
    const job = await commands.numberOf(sought);
    const name = CHILD_STATUSES[status] ?? 'unprocessed';
    const { children, isOver, last, ...counts } = await commands.children(job, name, name !== 'unprocessed', after, countOf(count_max));
    const { unprocessed, processed, failed, ignored } = counts;
    return {
      children: children.map((child) => childProto(child, name === 'processed')),
      last,
      is_over: isOver,
      unprocessed,
      processed,
      failed,
      ignored,
    };
  },
  RemoveAlone: async (request: JobRequestProto, served: ServedCall) => await change('removeAlone', request, served),
  RemoveUnprocessedChildren: async (request: JobRequestProto, served: ServedCall) => await change('removeUnprocessed', request, served),
  RemoveChildDependency: async ({ queue, id, request_id }: JobRequestProto, served: ServedCall) => {
    const jobId = await numberOf(served, queue, id);
    const { wasChild } = await resultOf(
      'detached',
      operationOf(served, request_id, (encoder) => encoder.command('removeDependency', { queue, jobId })),
    );
    return { was_child: wasChild };
  },
};

const commandsOf = ({ client }: ServedCall, queue: string): QueueCommands => {
  checkQueueName(queue);
  return new QueueCommands(queue, client.dispatcher);
};

/** It is sent also if no job has the custom id: a repetition gets the first reply, though that call may have removed the job. */
async function numberOf(served: ServedCall, queue: string, id: string): Promise<number> {
  const sought = parseJobId(id);
  return typeof sought === 'number' ? sought : ((await commandsOf(served, queue).find(sought, 'linearizable'))?.id ?? NO_JOB);
}

async function change(command: 'removeAlone' | 'removeUnprocessed', { queue, id, request_id }: JobRequestProto, served: ServedCall) {
  checkQueueName(queue);
  const jobId = await numberOf(served, queue, id);
  try {
    await resultOf(
      'done',
      operationOf(served, request_id, (encoder) => encoder.command(command, { queue, jobId })),
    );
  } catch (error) {
    throw error instanceof JobNotFoundError ? new JobNotFoundError(parseJobId(id)) : error;
  }
  return {};
}

/** The jobs of a tree level by level. @throws {FlowTooLargeError | InvalidOptionError | InvalidPayloadError | PayloadTooLargeError} */
function flowOf(root: FlowJobProto, payloadBytesMax: number): WrittenFlowJob[] {
  const jobs: WrittenFlowJob[] = [];
  const ids = new FlowIds();
  const level = [{ job: root, parent: NO_PARENT, depth: 1, at: ['root'] as (string | number)[] }];
  // The list grows while it is read.
  for (const { job, parent, depth, at } of level) {
    checkQueueName(job.queue);
    if (depth > FLOW_DEPTH_MAX || level.length > FLOW_JOBS_MAX)
      throw new FlowTooLargeError(
        `A flow has at most ${FLOW_JOBS_MAX} jobs in ${FLOW_DEPTH_MAX} levels. Split the work into several flows.`,
      );
    const options = addOptionsOf(jobOptionsOfProto(job.options));
    checkNotDeduplicated(options, 'deduplication', NOT_IN_FLOW);
    const { delayMs, priority, customId = '' } = options;
    ids.take({ queueName: job.queue, customId }, [...at, 'options', 'custom_id']);
    const payload = encodeRawPayload(job.name, rawDataOfProto(job.data), payloadBytesMax);
    const onFailure = parent === NO_PARENT ? 0 : job.on_failure;
    const here = jobs.length;
    jobs.push({ parent, onFailure, queueName: job.queue, customId, policy: policyOf(options), delayMs, priority, payload });
    for (const [place, child] of job.children.entries())
      level.push({ job: child, parent: here, depth: depth + 1, at: [...at, 'children', place] });
  }
  return jobs;
}

const text = new TextDecoder();

function childProto({ id, queue, customId, value }: ChildEntry, isResult: boolean): object {
  return {
    ...{ queue, id: String(id) },
    ...(customId === '' ? {} : { custom_id: customId }),
    ...(value === undefined ? {} : isResult ? { result: payloadProto(rawValueOf(value)) } : { failed_reason: text.decode(value) }),
  };
}
