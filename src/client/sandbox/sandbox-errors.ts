import { JobraftError, type Outcome } from '../../base/errors.ts';

/** The file of a processor does not exist, cannot be imported, or exports no function. Its jobs fail with this error. */
export class ProcessorFileError extends JobraftError {
  override readonly code = 'PROCESSOR_FILE';
  /** The file's absolute path, or the given value. */
  readonly file: string;

  constructor(file: string, what: string, remedy: string, options?: { readonly cause?: unknown }) {
    super(`The processor file ${file} ${what}. ${remedy}`, options);
    this.file = file;
  }
}

/** The thread of a processor file ended before the processor, or could not be started. The processor may have done a part of its work. */
export class ProcessorThreadError extends JobraftError {
  override readonly code = 'PROCESSOR_THREAD';
  override readonly outcome: Outcome = 'unknown';
  /** The file's absolute path. */
  readonly file: string;

  constructor(file: string, what: string, remedy: string, options?: { readonly cause?: unknown }) {
    super(`The thread of the processor file ${file} ${what}. ${remedy}`, options);
    this.file = file;
  }
}

/** The code for the threads of a processor file is not beside jobraft's other code: in most cases a bundler left it out. */
export class SandboxCodeMissingError extends JobraftError {
  override readonly code = 'SANDBOX_CODE_MISSING';

  constructor(what: string, options?: { readonly cause?: unknown }) {
    super(
      `Processors in files cannot run: ${what}. They run in threads of their own, whose code a bundler does not include. Mark "jobraft" and ` +
        '"piscina" as external in the bundler, and install them where the bundle runs, or give the processor as a function.',
      options,
    );
  }
}
