import type { Client } from '../../client/api/client.ts';
import { QueueCommands } from '../../client/api/job-commands.ts';
import { parseJobId } from '../../client/api/job-id.ts';
import { checkQueueName } from '../../client/api/queue-name.ts';
import { JobNotFoundError } from '../../client/errors.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { JobRequestProto } from '../../transport/grpc/jobs-service.ts';
import { operationOf, resultOf, type ServedCall } from './operations.ts';

/** Names no job: ids are given in ascending order. */
export const NO_JOB = Number.MAX_SAFE_INTEGER;

/** @throws {InvalidOptionError} */
export function commandsOf(client: Client, queue: string): QueueCommands {
  checkQueueName(queue);
  return new QueueCommands(queue, client.dispatcher);
}

/**
 * A command on a job, by its id or its custom id. It is sent also if no job has the custom id: a repetition gets the first reply, though that
 * call may have removed the job.
 * @param bytes about how many it takes. @returns its result.
 */
export async function changeOfJob<Type extends Extract<OperationResult, { ok: true }>['type']>(
  type: Type,
  { queue, id, request_id }: JobRequestProto,
  served: ServedCall,
  write: (encoder: RequestEncoder, job: { readonly queue: string; readonly jobId: number }) => void,
  bytes = 0,
): Promise<Extract<OperationResult, { readonly type: Type }>> {
  const sought = parseJobId(id);
  const commands = commandsOf(served.client, queue);
  const jobId = typeof sought === 'number' ? sought : ((await commands.find(sought, 'linearizable'))?.id ?? NO_JOB);
  try {
    return await resultOf(
      type,
      operationOf(served, request_id, (encoder) => write(encoder, { queue, jobId }), bytes),
    );
  } catch (error) {
    throw error instanceof JobNotFoundError ? new JobNotFoundError(sought) : error;
  }
}
