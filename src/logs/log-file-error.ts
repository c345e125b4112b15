import { JobraftError } from '../base/errors.ts';

/** A log file, or the folder of the logs, cannot be opened. Nothing was started. */
export class LogFileError extends JobraftError {
  override readonly code = 'LOG_FILE';

  static of(path: string, cause: unknown): LogFileError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new LogFileError(
      `The log ${path} cannot be opened: ${reason}. Name a folder that can be written for the logs, or make this one writable.`,
      { cause },
    );
  }
}
