import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeFile } from '../../src/security/change-file.ts';

const built = resolve(import.meta.dirname, '../../dist/src');
const run = async (...words: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [join(built, 'cli/main.js'), ...words])).stdout;
/** No process has it: it is above the largest that Linux gives. */
const NO_PROCESS = 2 ** 30;

describe('a file that processes change', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-change-'));
    file = join(folder, 'tokens.json');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('has what each of several commands has written at the same time', async () => {
    const names = Array.from({ length: 6 }, (_, n) => `token-${n}`);
    await Promise.all(names.map((name) => run('tokens', 'add', name, '--role', 'producer', '--tokens', file)));
    const { tokens } = JSON.parse(readFileSync(file, 'utf8')) as { tokens: readonly { name: string }[] };
    expect(tokens.map(({ name }) => name).toSorted()).toEqual(names);
    expect(existsSync(`${file}.changing`)).toBe(false);
  }, 120_000);

  it('can be changed after a process was killed while it did', () => {
    writeFileSync(`${file}.changing`, String(NO_PROCESS));
    expect(changeFile(file, () => readFileSync(`${file}.changing`, 'utf8'))).toBe(String(process.pid));
    expect(existsSync(`${file}.changing`)).toBe(false);
  });

  it('can be changed again after a change that threw', () => {
    expect(() =>
      changeFile(file, () => {
        throw new Error('no luck');
      }),
    ).toThrow('no luck');
    expect(changeFile(file, () => 7)).toBe(7);
  });

  it('in a folder that is missing is an error with a remedy', () => {
    expect(() => changeFile(join(folder, 'missing', 'tokens.json'), () => 7)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('in a folder that this user may write') }),
    );
  });
});
