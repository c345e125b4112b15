import { isUnrecoverable, UnrecoverableError } from './errors.ts';
import { describeThrown, readProperty, stackOf, toError } from './thrown.ts';

/** An error that a processor threw in another thread, in values that structured clone supports. */
export interface ThrownRecord {
  readonly name: string;
  /** May be empty, like the message of an error. */
  readonly message: string;
  readonly stack: string;
  readonly code: string | number | undefined;
  /** Decided in the thread: classes do not cross its boundary. */
  readonly isUnrecoverable: boolean;
}

/** Never throws: `thrown` may be no error, a Proxy, or an object whose getters throw. */
export function recordThrown(thrown: unknown): ThrownRecord {
  const error = toError(thrown);
  const name = readProperty(error, 'name');
  const message = readProperty(error, 'message');
  const code = readProperty(error, 'code');
  return {
    name: typeof name === 'string' && name !== '' ? name : 'Error',
    message: typeof message === 'string' ? message : describeThrown(error),
    stack: stackOf(error),
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    isUnrecoverable: isUnrecoverable(thrown),
  };
}

/** An error of this thread with the fields of the record: name, message, stack and `code`. */
export function errorOfRecord(record: ThrownRecord): Error {
  const error = record.isUnrecoverable ? new UnrecoverableError(record.message) : new Error(record.message);
  if (error.name !== record.name) Object.defineProperty(error, 'name', { value: record.name, configurable: true, writable: true });
  error.stack = record.stack;
  return record.code === undefined ? error : Object.assign(error, { code: record.code });
}
