import { DEDUPLICATION_ID } from '../../client/api/deduplication-options.ts';
import { QueueCommands } from '../../client/api/job-commands.ts';
import { parseGivenJobId } from '../../client/api/job-id.ts';
import { checkQueueName } from '../../client/api/queue-name.ts';
import { checkOptions } from '../../client/option-check.ts';
import type { DeduplicationRequestProto, GetDeduplicationJobRequestProto } from '../../transport/grpc/jobs-service.ts';
import { consistencyOf } from './job-protos.ts';
import { operationOf, resultOf, type ServedCall } from './operations.ts';

/** What a node serves of the service Jobs about deduplication ids. */
export const DEDUPLICATION_CALLS = {
  GetDeduplicationJob: async ({ queue, deduplication_id, consistency }: GetDeduplicationJobRequestProto, { client }: ServedCall) => {
    checkId(queue, deduplication_id);
    const id = await new QueueCommands(queue, client.dispatcher).deduplicationJob(deduplication_id, consistencyOf(consistency));
    return id === undefined ? {} : { id };
  },
  RemoveDeduplication: async (
    { queue, deduplication_id: deduplicationId, id, request_id }: DeduplicationRequestProto,
    served: ServedCall,
  ) => {
    checkId(queue, deduplicationId);
    const holderJobId = id === '' ? 0 : parseGivenJobId(id);
    const write = operationOf(served, request_id, (encoder) =>
      encoder.command('removeDeduplication', { queue, holderJobId, deduplicationId }),
    );
    const { isRemoved } = await resultOf('deduplicationRemoved', write);
    return { removed: isRemoved };
  },
};

function checkId(queue: string, deduplicationId: string): void {
  checkQueueName(queue);
  checkOptions(DEDUPLICATION_ID, deduplicationId, ['deduplication_id']);
}
