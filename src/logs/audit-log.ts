import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { LogFileError } from './log-file-error.ts';
import { STANDARD_OUTPUT } from './log-folder.ts';

/** One administrative command, as a node was asked for it. */
export interface AuditRecord {
  /** The token, or the certificate; or that there is none. */
  readonly who: string;
  /** `host:port` of the caller. */
  readonly from: string;
  readonly command: string;
  /** Without payloads. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** `done`; the code of an error; `unknown` if the caller was gone before the reply. */
  readonly outcome: string;
}

/** Longer arguments are left out. */
const ARGUMENTS_LENGTH_MAX = 2_000;

/** One JSON object a line, appended to a file, which another program may move or empty. Never throws after it was opened. */
export class AuditLog implements Disposable {
  readonly #node: number;
  readonly #path: string;
  readonly #nowMs: () => number;
  #file: number | undefined;

  /** @param path {@link STANDARD_OUTPUT} is that of the process. @throws {LogFileError} when the file cannot be opened. */
  constructor(node: number, path: string, nowMs: () => number = Date.now) {
    this.#node = node;
    this.#path = path;
    this.#nowMs = nowMs;
    try {
      if (path !== STANDARD_OUTPUT) mkdirSync(dirname(path), { recursive: true });
      this.#file = path === STANDARD_OUTPUT ? 1 : openSync(path, 'a', 0o600);
    } catch (error) {
      throw LogFileError.of(path, error);
    }
  }

  write({ arguments: given, ...record }: AuditRecord): void {
    if (this.#file === undefined) return;
    const text = JSON.stringify(given);
    const shown = text.length > ARGUMENTS_LENGTH_MAX ? { omittedCharacters: text.length } : given;
    const line = { time: new Date(this.#nowMs()).toISOString(), node: this.#node, ...record, arguments: shown };
    try {
      writeSync(this.#file, `${JSON.stringify(line)}\n`);
    } catch (error) {
      // As with the log of the node, which goes on.
      const reason = error instanceof Error ? error.message : String(error);
      process.emitWarning(`The audit log ${this.#path} lacks a line: ${reason}. The node continues. Free space.`, { type: 'JobraftAudit' });
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined && this.#path !== STANDARD_OUTPUT) closeSync(this.#file);
    this.#file = undefined;
  }
}
