import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PRIVATE, PUBLIC, replaceFile } from '../../src/files/replace-file.ts';

const built = pathToFileURL(resolve(import.meta.dirname, '../../dist/src/files/replace-file.js')).href;

describe('a file that is replaced', () => {
  let folder: string;
  let file: string;
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-replace-'));
    file = join(folder, 'node.json');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([PRIVATE, PUBLIC])('has its new text and the mode %o, also over what an interrupted process left', (mode) => {
    writeFileSync(file, 'former');
    writeFileSync(`${file}.new`, 'unfinished, and longer than the new text');
    chmodSync(`${file}.new`, 0o660);
    replaceFile(file, 'new', mode);
    expect([readFileSync(file, 'utf8'), modeOf(file)]).toEqual(['new', mode]);
  });

  it('has the mode of every file of its process where none is given', () => {
    writeFileSync(join(folder, 'other'), '');
    replaceFile(file, 'new');
    expect(modeOf(file)).toBe(modeOf(join(folder, 'other')));
  });

  it('keeps its former text when only a part of the new one could be written', async () => {
    writeFileSync(file, 'former');
    // The system writes up to the limit, in units of 512 bytes, and reports how much: as it does on a disk that becomes full.
    const script = `import { replaceFile } from ${JSON.stringify(built)}; replaceFile(${JSON.stringify(file)}, 'x'.repeat(10_000));`;
    const replaced = promisify(execFile)('sh', [
      '-c',
      'ulimit -f 8; exec "$0" "$@"',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ]);
    await expect(replaced).rejects.toThrow('EFBIG');
    expect(readFileSync(file, 'utf8')).toBe('former');
  }, 120_000);
});
