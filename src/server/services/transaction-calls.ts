import type { Client } from '../../client/api/client.ts';
import { checkNotDeduplicated, NOT_IN_TRANSACTION } from '../../client/api/deduplication-options.ts';
import { checkedProgress, delayOf, priorityOf } from '../../client/api/job-changes.ts';
import { parseGivenJobId, parseJobId } from '../../client/api/job-id.ts';
import { checkedLogRow } from '../../client/api/job-logs.ts';
import { addOptionsOf } from '../../client/api/job-options.ts';
import { checkQueueName } from '../../client/api/queue-name.ts';
import { InvalidOptionError } from '../../client/errors.ts';
import { decodeName, encodeRawPayload, encodeRawValue } from '../../client/payload.ts';
import { errorOfResult, unexpectedResult } from '../../client/result-errors.ts';
import { TransactionError, TransactionTooLargeError } from '../../client/transaction-errors.ts';
import { TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX } from '../../protocol/limits.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import { encodeTransaction } from '../../protocol/transaction.ts';
import type { JobRequestProto, TransactionOperationProto, TransactRequestProto } from '../../transport/grpc/jobs-service.ts';
import { commandsOf, NO_JOB } from './job-change.ts';
import { jobOptionsOfProto, rawDataOfProto } from './job-protos.ts';
import { operationOf, type ServedCall } from './operations.ts';

type Write = (encoder: RequestEncoder) => void;

/** What a node serves of the service Jobs about transactions. */
export const TRANSACTION_CALLS = {
  Transact: async ({ operations, request_id }: TransactRequestProto, served: ServedCall) => {
    if (operations.length === 0) throw new InvalidOptionError('operations', operations, 'Give at least one operation.');
    if (operations.length > TRANSACTION_OPERATIONS_MAX) throw new TransactionTooLargeError(operations.length);
    const writes = await Promise.all(operations.map((operation) => writerOf(operation, served.client)));
    const payload = encodeTransaction((encoder) => {
      for (const write of writes) write(encoder);
    });
    if (payload.length > TRANSACTION_BYTES_MAX) throw new TransactionTooLargeError(operations.length, payload.length);
    const send = operationOf(served, request_id, (encoder) => encoder.command('transact', { payload }), payload.length);
    const result = await new Promise<OperationResult>((resolve, reject) => send({ onResult: resolve, onError: reject }));
    if (result.ok && result.type === 'transacted') return { results: result.results.map(resultProto) };
    if (!result.ok && result.operation !== undefined)
      throw new TransactionError(result.operation, operations[result.operation]?.operation ?? '', errorOfResult(result));
    throw unexpectedResult(result);
  },
};

function resultProto(result: OperationResult): object {
  if (result.ok && result.type === 'added') return { id: String(result.id) };
  return result.ok && result.type === 'logged' ? { rows: result.rows } : {};
}

/** @throws {InvalidOptionError | InvalidPayloadError | PayloadTooLargeError} */
async function writerOf(one: TransactionOperationProto, client: Client): Promise<Write> {
  const { payloadBytesMax } = client.dispatcher.config;
  switch (one.operation) {
    case 'add': {
      const { queue, name, data, options } = one.add;
      checkQueueName(queue);
      const added = addOptionsOf(jobOptionsOfProto(options));
      checkNotDeduplicated(added, 'deduplication', NOT_IN_TRANSACTION);
      const payload = encodeRawPayload(name, rawDataOfProto(data), payloadBytesMax);
      return (encoder) => encoder.add(queue, payload, added);
    }
    case 'complete': {
      const { id, token, result } = one.complete;
      const jobId = parseGivenJobId(id);
      const value = encodeRawValue(rawDataOfProto(result));
      return (encoder) => encoder.complete(jobId, token, value);
    }
    case 'fail': {
      const { id, token, reason, unrecoverable } = one.fail;
      const jobId = parseGivenJobId(id);
      return (encoder) => encoder.command('fail', { jobId, token, reason, retry: !unrecoverable });
    }
    case 'release': {
      const { id, token } = one.release;
      const jobId = parseGivenJobId(id);
      return (encoder) => encoder.command('release', { jobId, token });
    }
    default:
      return await changeOf(one, client);
  }
}

type Change = Exclude<TransactionOperationProto, { readonly operation: 'add' | 'complete' | 'fail' | 'release' }>;

async function changeOf(one: Change, client: Client): Promise<Write> {
  switch (one.operation) {
    case 'remove':
    case 'promote': {
      const named = await namedIn(one.operation === 'remove' ? one.remove : one.promote, client);
      return (encoder) => encoder.command(one.operation, named);
    }
    case 'change_priority': {
      const priority = priorityOf({ priority: one.change_priority.priority });
      const named = await namedIn(one.change_priority, client);
      return (encoder) => encoder.command('changePriority', { ...named, priority });
    }
    case 'change_delay': {
      const delayMs = delayOf(one.change_delay.delay_ms);
      const named = await namedIn(one.change_delay, client);
      return (encoder) => encoder.command('changeDelay', { ...named, delayMs });
    }
    case 'update_progress': {
      const { token, progress } = one.update_progress;
      const payload = checkedProgress(encodeRawValue(rawDataOfProto(progress)));
      const named = await namedIn(one.update_progress, client);
      return (encoder) => encoder.command('updateProgress', { ...named, token, payload });
    }
    case 'update_data': {
      const { queue, id, token, data } = one.update_data;
      const job = await commandsOf(client, queue).find(parseJobId(id), 'linearizable');
      const name = job?.payload === undefined ? '' : decodeName(job.payload);
      const payload = encodeRawPayload(name, rawDataOfProto(data), client.dispatcher.config.payloadBytesMax);
      return (encoder) => encoder.command('updateData', { queue, jobId: job?.id ?? NO_JOB, token, payload });
    }
    case 'add_log': {
      const { token, keep_max: keepMax } = one.add_log;
      const row = checkedLogRow(one.add_log.row);
      const named = await namedIn(one.add_log, client);
      return (encoder) => encoder.command('addLog', { ...named, token, keepMax, row });
    }
    case 'clear_logs': {
      const { keep_max: keepMax } = one.clear_logs;
      const named = await namedIn(one.clear_logs, client);
      return (encoder) => encoder.command('clearLogs', { ...named, keepMax });
    }
    default:
      throw new InvalidOptionError('operations', one, 'Set one field of each operation.');
  }
}

/** A job by its id or its custom id. */
async function namedIn({ queue, id }: JobRequestProto, client: Client): Promise<{ readonly queue: string; readonly jobId: number }> {
  const sought = parseJobId(id);
  const commands = commandsOf(client, queue);
  return { queue, jobId: typeof sought === 'number' ? sought : ((await commands.find(sought, 'linearizable'))?.id ?? NO_JOB) };
}
