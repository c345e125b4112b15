import { JobraftError } from '../base/errors.ts';

/** Too many deduplication ids are taken, or the adds that are kept until active jobs end are too large together: nothing was added. */
export class DeduplicationLimitError extends JobraftError {
  override readonly code = 'DEDUPLICATION_LIMIT';
}
