import { DURATION_MS_MAX, PRIORITY_MAX, PROGRESS_BYTES_MAX } from '../../protocol/limits.ts';
import { aBoolean, aValue, checkOptions, durationIn, integerIn, optionsOf } from '../option-check.ts';
import { encodeValue } from '../payload.ts';
import { ProgressTooLargeError } from '../size-errors.ts';
import { NotSupportedError } from './not-supported.ts';

/** The options of `Job.changePriority`. */
export interface ChangePriorityOptions {
  /** 0 is served first, then 1 up to 2^21. Default 0. */
  readonly priority?: number;
  /** Cannot be changed. */
  readonly lifo?: false;
}

/** How far a job has come. The empty progress of BullMQ is 0. */
export type JobProgress = string | boolean | number | object;

const PROGRESS = aValue(
  (value) => (typeof value === 'object' ? value !== null : ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)),
  'Give a finite number, a text, a boolean or an object.',
);
const PRIORITY = optionsOf({
  priority: integerIn(0, PRIORITY_MAX).optional(),
  lifo: aBoolean.optional(),
});
const DELAY = durationIn(0, DURATION_MS_MAX);

/** @throws {UnknownOptionError | InvalidOptionError | NotSupportedError} */
export function priorityOf(options: ChangePriorityOptions): number {
  checkOptions(PRIORITY, options);
  const { priority = 0, lifo } = options as { readonly priority?: number; readonly lifo?: boolean };
  if (lifo === true)
    throw new NotSupportedError(
      'The option "lifo" of Job.changePriority()',
      'Leave it out: a job keeps the "lifo" that it was added with.',
    );
  return priority;
}

/** @throws {InvalidOptionError} */
export function delayOf(delayMs: number): number {
  checkOptions(DELAY, delayMs, ['delay']);
  return delayMs;
}

/** @throws {InvalidOptionError | InvalidPayloadError | ProgressTooLargeError} */
export function progressBytesOf(progress: JobProgress): Uint8Array {
  checkOptions(PROGRESS, progress, ['progress']);
  return checkedProgress(encodeValue(progress));
}

/** @throws {ProgressTooLargeError} */
export function checkedProgress(bytes: Uint8Array): Uint8Array {
  if (bytes.length > PROGRESS_BYTES_MAX) throw new ProgressTooLargeError(bytes.length, PROGRESS_BYTES_MAX);
  return bytes;
}
