import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

/**
 * The bytes of one kind of message or record, as the first release with it writes them: a line for each, its name and its bytes in hex. A
 * changed line changes the bytes that other releases read, and needs a version; a new message gets a new line.
 */
function readGoldenFile(file: string): Readonly<Record<string, string>> {
  const lines = readFileSync(new URL(file, import.meta.url), 'utf8').split('\n');
  return Object.fromEntries(lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(' = ', 2)));
}

/** Fails if bytes differ from the file's, or if either side has a name that the other does not have. */
export function expectGolden(file: string, bytesByName: Readonly<Record<string, Uint8Array>>): void {
  const hex = Object.fromEntries(Object.entries(bytesByName).map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')]));
  expect(hex).toEqual(readGoldenFile(file));
}

/** The bytes of a name in the file. */
export function goldenBytes(file: string, name: string): Uint8Array {
  const hex = readGoldenFile(file)[name];
  expect(hex, `${name} in ${file}`).toBeDefined();
  return new Uint8Array(Buffer.from(hex ?? '', 'hex'));
}
