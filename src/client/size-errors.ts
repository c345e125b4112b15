import { JobraftError } from '../base/errors.ts';

export class PayloadTooLargeError extends JobraftError {
  override readonly code = 'PAYLOAD_TOO_LARGE';
  readonly payloadBytes: number;
  readonly payloadBytesMax: number;

  constructor(payloadBytes: number, payloadBytesMax: number) {
    super(
      `The payload has ${payloadBytes} bytes, ${payloadBytesMax} are allowed. ` +
        'Store the data elsewhere and put its address into the job, or raise "payloadBytesMax" of the cluster and of the client.',
    );
    this.payloadBytes = payloadBytes;
    this.payloadBytesMax = payloadBytesMax;
  }
}

/** A row of the log of a job is for a line of text. */
export class LogRowTooLargeError extends JobraftError {
  override readonly code = 'LOG_ROW_TOO_LARGE';
  readonly rowBytes: number;
  readonly rowBytesMax: number;

  constructor(rowBytes: number, rowBytesMax: number) {
    super(
      `The row has ${rowBytes} bytes, ${rowBytesMax} are allowed. Divide it into several rows, or store the text elsewhere and log its address.`,
    );
    this.rowBytes = rowBytes;
    this.rowBytesMax = rowBytesMax;
  }
}

/** The progress of a job is for a few numbers or a line of text. */
export class ProgressTooLargeError extends JobraftError {
  override readonly code = 'PROGRESS_TOO_LARGE';
  readonly progressBytes: number;
  readonly progressBytesMax: number;

  constructor(progressBytes: number, progressBytesMax: number) {
    super(`The progress has ${progressBytes} bytes, ${progressBytesMax} are allowed. Store the rest elsewhere, or as the data of the job.`);
    this.progressBytes = progressBytes;
    this.progressBytesMax = progressBytesMax;
  }
}
