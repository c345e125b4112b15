import { textTable } from '../base/text-table.ts';
import { cutToWidth } from '../base/text-width.ts';
import { printable, printableJson } from './printable.ts';

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39] } as const;
export type Style = keyof typeof STYLES;

export interface OutputTarget {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Standard output is a terminal: a line can be replaced. */
  readonly isTerminal: boolean;
  readonly isColoured: boolean;
  /** The terminal's width now. */
  readonly columns: () => number;
}

/** Longest cell of a table, in characters. */
const CELL_CHARACTERS_MAX = 200;

/** Whether colours are wanted: on a terminal that has them, unless NO_COLOR is set (no-color.org). */
export function wantsColours(isTerminal: boolean, { NO_COLOR = '', TERM = '' }: NodeJS.ProcessEnv): boolean {
  return isTerminal && NO_COLOR === '' && TERM !== 'dumb';
}

/** What a command prints: results to standard output, remarks and errors to standard error. */
export class Output {
  readonly #target: OutputTarget;
  #hasLiveLine = false;

  constructor(target: OutputTarget) {
    this.#target = target;
  }

  get isTerminal(): boolean {
    return this.#target.isTerminal;
  }

  line(text: string): void {
    this.endLive();
    this.#target.out(`${text}\n`);
  }

  /** @param styleOf of a row, by its place. */
  table(
    header: readonly string[],
    rows: readonly (readonly string[])[],
    styleOf: (row: number) => Style | undefined = () => undefined,
  ): void {
    const cells = rows.map((row) => row.map((cell) => printable(cell, CELL_CHARACTERS_MAX)));
    const [names = '', rule = '', ...lines] = textTable(header, cells).split('\n');
    this.line(this.styled(names, 'bold'));
    this.line(this.styled(rule, 'dim'));
    for (const [row, line] of lines.entries()) this.line(this.styled(line, styleOf(row)));
  }

  /** One line for each field. */
  fields(fields: readonly (readonly [name: string, value: string])[]): void {
    const width = Math.max(0, ...fields.map(([name]) => name.length));
    for (const [name, value] of fields) this.line(`${this.styled(name.padEnd(width), 'bold')}  ${printable(value)}`);
  }

  /** The only result of a command, as JSON. */
  document(value: unknown): void {
    this.line(printableJson(JSON.stringify(value, withBytes, 2)));
  }

  /** One of several results, as JSON in one line. */
  record(value: unknown): void {
    this.line(printableJson(JSON.stringify(value, withBytes)));
  }

  /** A line that the next one replaces on a terminal, and follows elsewhere. */
  live(text: string): void {
    if (!this.#target.isTerminal) {
      this.line(text);
      return;
    }
    this.#target.out(`\r\u001b[2K${cutToWidth(printable(text), this.#target.columns() - 1)}`);
    this.#hasLiveLine = true;
  }

  /** The live line stays. */
  endLive(): void {
    if (this.#hasLiveLine) this.#target.out('\n');
    this.#hasLiveLine = false;
  }

  /** For a person: not a part of the result. */
  note(text: string): void {
    this.endLive();
    this.#target.err(`${printable(text)}\n`);
  }

  /** Help that was asked for by mistake; it has several lines. */
  help(text: string): void {
    this.#target.err(text);
  }

  /** In one line, also if the message has several. */
  error(code: string, message: string): void {
    this.note(`jobraft: ${code}: ${message.trim().replace(/\s*\n\s*/g, ' ')}`);
  }

  styled(text: string, style: Style | undefined): string {
    if (style === undefined || !this.#target.isColoured) return text;
    const [begin, end] = STYLES[style];
    return `\u001b[${begin}m${text}\u001b[${end}m`;
  }
}

/** JSON has no bytes. */
function withBytes(_key: string, value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  return { base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
}
