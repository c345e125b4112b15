import { QUEUE_NAME_BYTES_MAX } from '../../protocol/limits.ts';
import { aValue, checkOptions } from '../option-check.ts';

const QUEUE_NAME = aValue(
  (name) => typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= QUEUE_NAME_BYTES_MAX && name.isWellFormed(),
  `Give a queue name of 1 to ${QUEUE_NAME_BYTES_MAX} bytes of well-formed Unicode.`,
);

/** @throws {InvalidOptionError} */
export function checkQueueName(name: unknown): void {
  checkOptions(QUEUE_NAME, name, ['name']);
}
