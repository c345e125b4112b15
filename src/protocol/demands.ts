import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { COMMANDS, type CommandRow } from './commands.ts';
import { InvalidOperationError } from './fields.ts';
import { readFlow } from './flow.ts';
import { OPERATIONS_MAX } from './limits.ts';
import type { Permission } from './permission.ts';
import { readRequestHeader } from './request-encoder.ts';
import { OperationReader } from './request-reader.ts';
import { operationsOf, transactionIn } from './transaction.ts';

/** What a command reaches: one queue; several; one job by its id; what only its caller knows the number of; or all queues. */
export type Reach =
  | { readonly type: 'queue'; readonly queue: string }
  | { readonly type: 'queues'; readonly queues: readonly string[] }
  | { readonly type: 'job'; readonly jobId: number }
  | { readonly type: 'own' }
  | { readonly type: 'all' };

/** What one operation of a request has to be permitted. */
export interface Demand {
  readonly what: string;
  readonly permission: Permission;
  readonly reach: Reach;
}

/** @param values of its fields, and its queue. */
export function demandOf(
  { name, permission, needs, fields }: CommandRow,
  { queue, jobId }: { readonly queue: string; readonly jobId: number },
): Demand {
  if (needs !== 'nothing') return { what: name, permission, reach: { type: 'queue', queue } };
  if ('jobId' in fields) return { what: name, permission, reach: { type: 'job', jobId } };
  return { what: name, permission, reach: { type: name === 'openSession' || 'holder' in fields ? 'own' : 'all' } };
}

/** A flow reaches the queues of all its jobs. @param flow that was read before. */
const demandOfFlow = ({ name, permission }: CommandRow, flow: Uint8Array): Demand => ({
  ...{ what: name, permission },
  reach: { type: 'queues', queues: [...new Set(readFlow(flow).map(({ queueName }) => queueName))] },
});

/** @throws {InvalidOperationError | MalformedBytesError} */
function demandsOfTransaction(outer: OperationReader, request: Uint8Array, version: number): Demand[] {
  const operation = new OperationReader();
  const demands: Demand[] = [];
  for (const row of operationsOf(transactionIn(outer, request), operation, version))
    demands.push(demandOf(row, { queue: operation.queueName, jobId: operation.jobId }));
  return demands;
}

/**
 * What each operation of a request has to be permitted, in their order: of a transaction what each of its operations has to be.
 * @param version ANY_VERSION, or OF_QUERIES.
 * @returns undefined for a request that cannot be read: the node rejects it, since it reads it in the same way. Never throws.
 */
export function demandsIn(request: Uint8Array, version: number): readonly (readonly Demand[])[] | undefined {
  try {
    const reader = new ByteReader(request);
    const { operations } = readRequestHeader(reader);
    if (operations > OPERATIONS_MAX) return undefined;
    const operation = new OperationReader();
    const demands: (readonly Demand[])[] = [];
    while (demands.length < operations) {
      const row = operation.next(reader, version);
      const { queueName: queue, jobId, blobAt, blobLength } = operation;
      if (row.code === COMMANDS.transact.code) demands.push(demandsOfTransaction(operation, request, version));
      else if (row.code === COMMANDS.addFlow.code) demands.push([demandOfFlow(row, request.subarray(blobAt, blobAt + blobLength))]);
      else demands.push([demandOf(row, { queue, jobId })]);
    }
    return demands;
  } catch (error) {
    if (error instanceof InvalidOperationError || error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}
