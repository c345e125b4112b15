import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { lineOf, newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import { addKey, keyIdsOf, makeKeyFile } from '../../src/encryption/key-file.ts';
import { readKeys } from '../../src/encryption/read-keys.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-keys-'));
  file = join(folder, 'jobraft.keys');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a file of keys', () => {
  it('is made for its owner alone, gets a key before the others, and is never overwritten', () => {
    const first = makeKeyFile(file);
    const second = addKey(file);
    expect(keyIdsOf(file)).toEqual([second, first]);
    expect(readKeys({ keys: file })?.map(({ id }) => id)).toEqual([second, first]);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file);
    expect(() => makeKeyFile(file)).toThrow(ConfigError);
    expect(readFileSync(file)).toEqual(before);
    expect(() => addKey(join(folder, 'none'))).toThrow(/"encryption.keys".*cannot be read.*jobraft keys new/);
    expect(() => makeKeyFile(join(folder, 'no', 'folder'))).toThrow(/cannot be written/);
  });

  it('may also be a text, with keys of other tools that have no id', () => {
    const key = newEncryptionKey();
    const [id = '', base64 = ''] = lineOf(key).split(' ');
    expect(readKeys({ key: `# a comment\n\n${base64}\n` })?.map((read) => read.id)).toEqual([id]);
    expect(readKeys({ key: ` ${base64}, ${lineOf(newEncryptionKey())}` })).toHaveLength(2);
    expect(readKeys(undefined)).toBeUndefined();
  });

  it.each([
    ['nothing', () => '# no key\n', /has no key/],
    ['a key that is too short', () => `${Buffer.alloc(31, 7).toString('base64')}\n`, /line 1 is no key/],
    ['a word', () => 'secret', /line 1 is no key/],
    [
      'a key with the id of another',
      () => lineOf(newEncryptionKey()).replace(/^\S+/, '0123456789abcdef'),
      /line 1 is not the one with the id 0123456789abcdef/,
    ],
    ['a key twice', () => ((key) => `${key}\n${key}`)(lineOf(newEncryptionKey())), /is there twice/],
  ])('with %s is rejected, with the setting and the line, and without the key', (_, text, expected) => {
    const written = text();
    writeFileSync(file, written);
    const secrets = written.split(/\s+/).filter((word) => word.length > 20 || word === 'secret');
    for (const options of [{ keys: file }, { key: written }]) {
      let message = '';
      try {
        readKeys(options);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        if (error instanceof Error) message = error.message;
      }
      expect(message).toMatch(expected);
      expect(message).toContain('keys' in options ? '"encryption.keys"' : '"encryption.key"');
      for (const secret of secrets) expect(message).not.toContain(secret);
    }
  });

  it('is not shown by JSON', () => {
    const key = newEncryptionKey();
    expect(JSON.stringify({ keys: [key] })).not.toContain(key.secret.export().toString('base64').slice(0, 8));
    expect(JSON.stringify({ keys: [key] })).toBe(`{"keys":[{"id":"${key.id}","secret":{}}]}`);
  });
});
