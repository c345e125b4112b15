import { JobraftError, type Outcome } from '../base/errors.ts';
import { TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX } from '../protocol/limits.ts';

/** One operation of a transaction was rejected, so that nothing of it took effect. `cause` is the error that the operation alone would have. */
export class TransactionError extends JobraftError {
  override readonly code = 'TRANSACTION_REJECTED';
  override readonly outcome: Outcome = 'not-applied';
  /** The position of the operation, from 0 on. */
  readonly operation: number;

  /** @param what the operation did, such as "complete". */
  constructor(operation: number, what: string, cause: Error) {
    super(`Nothing of the transaction took effect, because of its operation ${operation} (${what}). ${cause.message}`, { cause });
    this.operation = operation;
  }
}

/** A transaction is one entry of the log: it is never divided. */
export class TransactionTooLargeError extends JobraftError {
  override readonly code = 'TRANSACTION_TOO_LARGE';
  readonly operations: number;
  /** Undefined if the operations are too many: they were not encoded then. */
  readonly bytes: number | undefined;

  constructor(operations: number, bytes?: number) {
    super(
      `The transaction has ${operations} operations${bytes === undefined ? '' : ` and ${bytes} bytes`}; ${TRANSACTION_OPERATIONS_MAX} operations and ${TRANSACTION_BYTES_MAX} bytes are allowed. ` +
        'Let a job add the others, or store large data elsewhere.',
    );
    this.operations = operations;
    this.bytes = bytes;
  }
}

/** Another operation of the transaction may change the job as well, by its flow or its deduplication id. The `cause` of a TransactionError. */
export class TransactionConflictError extends JobraftError {
  override readonly code = 'TRANSACTION_CONFLICT';
}
