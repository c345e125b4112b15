import { readFileSync } from 'node:fs';
import { ConfigError } from '../base/errors.ts';
import { type EncryptionKey, type EncryptionKeys, encryptionKey, KEY_BYTES } from './encryption-key.ts';

/** Where the keys for encryption at rest come from: one of both. */
export interface EncryptionOptions {
  /** Path of a file of keys, such as `jobraft keys new` makes. */
  readonly keys?: string | undefined;
  /** The contents of such a file, of a program that has them from elsewhere. */
  readonly key?: string | undefined;
}

/** Takes the place of a value that no error may show. */
export const HIDDEN = '(not shown)';
const KEYS_MAX = 100;
const LINE = /^(?:([0-9a-f]{16})[ \t]+)?([A-Za-z0-9+/_-]{43}=?)$/;
const SHAPE =
  'A line is a key of 32 bytes in Base64, behind its id if it has one; the first key encrypts. "jobraft keys new" makes such a file.';

/**
 * Reads the keys, once: a program that is to use other ones is restarted.
 * @returns undefined without options. @throws {ConfigError} that names the file, the line and the remedy, and never a key.
 */
export function readKeys(options: EncryptionOptions | undefined): EncryptionKeys | undefined {
  if (options === undefined) return undefined;
  const { keys, key } = options;
  if (key !== undefined) return parseKeys(key, (remedy) => new ConfigError('encryption.key', HIDDEN, remedy));
  return parseKeys(readText(keys), (remedy) => new ConfigError('encryption.keys', keys, remedy));
}

function readText(path: string | undefined): string {
  if (path === undefined) throw new ConfigError('encryption.keys', path, 'Name a file of keys: "jobraft keys new" makes one.');
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('encryption.keys', path, `The file cannot be read (${reason}). "jobraft keys new" makes one.`);
  }
}

/**
 * @param text keys, one a line or separated by commas; empty lines and those from `#` on count for nothing.
 * @param failed the error with this remedy. @throws {ConfigError}
 */
function parseKeys(text: string, failed: (remedy: string) => ConfigError): EncryptionKeys {
  const found: EncryptionKey[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    for (const written of (line.split('#')[0] ?? '').split(',').map((word) => word.trim())) {
      if (written === '') continue;
      const key = keyIn(written, at + 1, failed);
      if (found.some(({ id }) => id === key.id)) throw failed(`The key ${key.id} is there twice: remove one of its lines.`);
      found.push(key);
      if (found.length > KEYS_MAX) throw failed(`It has more than ${KEYS_MAX} keys: remove those that no file has any more.`);
    }
  }
  const [first, ...others] = found;
  if (first === undefined) throw failed(`It has no key. ${SHAPE}`);
  return [first, ...others];
}

function keyIn(line: string, number: number, failed: (remedy: string) => ConfigError): EncryptionKey {
  const [, id, base64 = ''] = LINE.exec(line) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== KEY_BYTES) throw failed(`Its line ${number} is no key. ${SHAPE}`);
  const key = encryptionKey(bytes);
  if (id !== undefined && id !== key.id)
    throw failed(`The key in its line ${number} is not the one with the id ${id}: it was altered. Put the right one back.`);
  return key;
}
