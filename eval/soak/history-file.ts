import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { formatEvent, type HistoryEvent } from '../../src/sim/history/history.ts';
import { parseHistory } from '../../src/sim/history/parse-history.ts';

/** Events are appended with one write each: what was written stays when the process is killed in the next instant. */
export class HistoryFile implements Disposable {
  /** How many events stood in the file when it was opened. */
  readonly length: number;
  readonly #descriptor: number;

  /** Goes on with a file, without the line that a kill may have torn. */
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

/** @returns how many whole lines are left. */
function cutTornTail(path: string): number {
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf('\n') + 1;
  if (end < bytes.length) truncateSync(path, end);
  let lines = 0;
  for (let at = bytes.indexOf('\n'); at >= 0; at = bytes.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
