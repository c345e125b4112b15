import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { formatEvent, type HistoryEvent } from '../../src/history/history.ts';
import { parseHistory } from '../../src/history/parse-history.ts';

/** Appends each event with one write, so that it stays when the process is killed right after it. */
export class HistoryFile implements Disposable {
  /** Number of events in the file when it was opened. */
  readonly length: number;
  readonly #descriptor: number;

  /** Continues a file, without the last line if a kill tore it. */
  constructor(path: string) {
    this.length = existsSync(path) ? cutTornTail(path) : 0;
    this.#descriptor = openSync(path, 'a');
  }

  append(event: HistoryEvent): void {
    writeSync(this.#descriptor, `${formatEvent(event)}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

/** @throws {HistoryFormatError} */
export const readHistory = (path: string): HistoryEvent[] => parseHistory(readFileSync(path, 'utf8'), { tornTail: 'drop' });

/** @returns the number of complete lines. */
function cutTornTail(path: string): number {
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf('\n') + 1;
  if (end < bytes.length) truncateSync(path, end);
  let lines = 0;
  for (let at = bytes.indexOf('\n'); at >= 0; at = bytes.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
