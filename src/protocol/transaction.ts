import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { COMMANDS, type CommandName, type CommandRow } from './commands.ts';
import { InvalidOperationError } from './fields.ts';
import { TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX } from './limits.ts';
import { COUNT_AT, RequestEncoder } from './request-encoder.ts';
import type { OperationReader } from './request-reader.ts';

/** What a transaction may do: commands whose effect on the state is known before it, whatever those before them in the transaction do. */
export const TRANSACTION_NAMES = [
  'add',
  'addWithId',
  'complete',
  'fail',
  'release',
  'remove',
  'promote',
  'changePriority',
  'changeDelay',
  'updateProgress',
  'updateData',
  'addLog',
  'clearLogs',
] as const satisfies readonly CommandName[];
const ALLOWED: ReadonlySet<number> = new Set(TRANSACTION_NAMES.map((name) => COMMANDS[name].code));

/** The operations of a transaction, as the payload of the command `transact`. */
export function encodeTransaction(write: (encoder: RequestEncoder) => void): Uint8Array {
  const encoder = new RequestEncoder();
  encoder.begin(0, 0, 0);
  write(encoder);
  return encoder.finish().subarray(COUNT_AT);
}

/**
 * Reads the operations of a transaction one after the other: the same code before the log and when they are applied.
 * @param bytes of which those in [start, end) are the payload of the command. @param operation gets the fields of each.
 * @throws {MalformedBytesError | InvalidOperationError} for what is no transaction, at the first operation that shows it.
 */
export function* operationsOf(
  { bytes, start, end }: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
  operation: OperationReader,
  version: number,
): Generator<CommandRow> {
  if (end - start > TRANSACTION_BYTES_MAX)
    throw new InvalidOperationError(
      `A transaction has ${end - start} bytes, ${TRANSACTION_BYTES_MAX} are allowed. Store large data elsewhere, or divide it.`,
    );
  const reader = new ByteReader(bytes, start, end);
  const count = reader.u32();
  if (count < 1 || count > TRANSACTION_OPERATIONS_MAX)
    throw new InvalidOperationError(`A transaction has ${count} operations. Use 1 to ${TRANSACTION_OPERATIONS_MAX}, or divide it.`);
  operation.begin();
  const jobs = new Set<number>();
  for (let read = 0; read < count; read += 1) {
    const row = operation.next(reader, version);
    if (!ALLOWED.has(row.code)) throw new InvalidOperationError(`A transaction cannot contain ${row.name}. Send it on its own.`);
    if ('jobId' in row.fields) {
      if (jobs.has(operation.jobId))
        throw new InvalidOperationError(`A transaction names job ${operation.jobId} twice. Name each job once, or send another one.`);
      jobs.add(operation.jobId);
    }
    yield row;
  }
  if (reader.remaining > 0) throw new MalformedBytesError(`${reader.remaining} bytes follow the last operation of a transaction.`);
}

/** Where the operations of a transaction are that was just read. */
export const transactionIn = ({ blobAt, blobLength }: OperationReader, bytes: Uint8Array) => ({
  bytes,
  start: blobAt,
  end: blobAt + blobLength,
});
