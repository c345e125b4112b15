import type { Writable } from 'node:stream';
import { EXIT } from './exit-codes.ts';

/** Standard output that cannot be written ends the command, with the exit code that says so. */
export class OutputFailure {
  readonly #report: (line: string) => void;
  readonly #abort: (exitCode: number) => void;
  #hasFailed = false;
  #exitCode: number | undefined;

  /** @param report writes a line to the error output. @param abort ends the command gracefully. */
  constructor(report: (line: string) => void, abort: (exitCode: number) => void) {
    this.#report = report;
    this.#abort = abort;
  }

  /** Of the failure; undefined without one, and where only the reader has ended. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** @returns writes to standard output; never throws. */
  writerOf(stdout: Writable): (text: string) => void {
    return writerOf(stdout, (error) => this.#onError(error));
  }

  #onError({ code, message }: NodeJS.ErrnoException): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    if (code === 'EPIPE') {
      // The process that reads the output has ended, as `head` does: that ends the command, too.
      this.#abort(EXIT.done);
      return;
    }
    this.#exitCode = EXIT.output;
    this.#report(`jobraft: OUTPUT_FAILED: Standard output cannot be written (${message}). Free some space, or write to another place.\n`);
    this.#abort(EXIT.output);
  }
}

/** @returns writes to the stream; never throws. */
export function writerOf(stream: Writable, onError: (error: NodeJS.ErrnoException) => void): (text: string) => void {
  stream.on('error', onError);
  return (text) => {
    try {
      stream.write(text);
    } catch (error) {
      // A file is written synchronously.
      onError(error instanceof Error ? error : new Error(String(error)));
    }
  };
}
