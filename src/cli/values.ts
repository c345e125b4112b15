import type { Readable } from 'node:stream';
import { addAbortSignal } from 'node:stream';
import { InvalidArgumentError } from 'commander';
import { UsageError } from './exit-codes.ts';
import { jsonFault } from './json-fault.ts';
import { printable } from './printable.ts';

/** Maximum size of what is read from standard input; a job's payload is limited to less. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Parses a whole number of an argument or option. @throws {InvalidArgumentError} */
export const wholeNumber =
  (from: number, to = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < from || value > to)
      throw new InvalidArgumentError(
        `Give a whole number ${to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`}.`,
      );
    return value;
  };

/** Parses a time in seconds. @throws {InvalidArgumentError} */
export const secondsIn =
  (from: number, to: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+(?:\.\d+)?$/.test(text) || value < from || value > to)
      throw new InvalidArgumentError(`Give a number of seconds from ${from} to ${to}.`);
    return value;
  };

/** @param source names the text in the error. @throws {UsageError} with the place where it is not JSON. */
export function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const { line, column, found } = jsonFault(text) ?? { line: 1, column: 1, found: undefined };
    const what = found === undefined ? 'it ends too early' : `"${printable(found)}" is unexpected`;
    throw new UsageError(
      `${source} is not JSON: ${what} at line ${line}, column ${column}. Give a JSON value, in quotes for the shell, such as '{"to":"ada@example.com"}', or "-" to read it from standard input.`,
    );
  }
}

/** Reads all of it as UTF-8; ends early when the signal is aborted. @throws {UsageError} for too much of it, or for other bytes. */
export async function readText(input: Readable, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of addAbortSignal(signal, input)) {
    const read = Buffer.from(chunk);
    bytes += read.length;
    if (bytes > INPUT_BYTES_MAX)
      throw new UsageError(`Standard input has more than ${INPUT_BYTES_MAX} bytes. Store the data elsewhere, and add its address.`);
    chunks.push(read);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new UsageError('Standard input is not UTF-8. Give JSON in UTF-8.', { cause });
  }
}

/** @param json a JSON value, or "-" for that of standard input. @returns undefined without one. @throws {UsageError} for anything else. */
export async function readData(
  json: string | undefined,
  { stdin, signal }: { readonly stdin: () => Readable; readonly signal: AbortSignal },
): Promise<unknown> {
  if (json === undefined) return undefined;
  return json === '-' ? parseJson(await readText(stdin(), signal), 'Standard input') : parseJson(json, 'The data');
}
