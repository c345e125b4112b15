import { existsSync } from 'node:fs';
import { ConfigError } from '../base/errors.ts';
import { changeFile } from '../security/change-file.ts';
import { PRIVATE, replaceFile } from '../security/replace-file.ts';
import { type EncryptionKeys, lineOf, newEncryptionKey } from './encryption-key.ts';
import { readKeys } from './read-keys.ts';

const HEAD = `# Keys of jobraft for encryption at rest: the first one encrypts, all of them decrypt.
# Who has this file can read the data; without it the data is lost.
`;

/** Makes a file with one new key, readable by its owner alone. @returns the key's id. @throws {ConfigError} where there is a file. */
export function makeKeyFile(path: string): string {
  return changeFile(path, () => {
    if (existsSync(path))
      throw new ConfigError(
        'file',
        path,
        'The file exists, and its keys may be in use. Name another one, or add a key with "jobraft keys add".',
      );
    const key = newEncryptionKey();
    write(path, [key]);
    return key.id;
  });
}

/** Puts a new key before those of the file: nodes that are started from now on encrypt with it. @returns its id. @throws {ConfigError} */
export function addKey(path: string): string {
  keyIdsOf(path);
  return changeFile(path, () => {
    const key = newEncryptionKey();
    write(path, [key, ...(readKeys({ keys: path }) ?? [])]);
    return key.id;
  });
}

/** The ids of the file's keys, in its order. @throws {ConfigError} */
export const keyIdsOf = (path: string): readonly string[] => (readKeys({ keys: path }) ?? []).map(({ id }) => id);

function write(path: string, keys: EncryptionKeys): void {
  try {
    replaceFile(path, `${HEAD}${keys.map(lineOf).join('\n')}\n`, PRIVATE);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('file', path, `The file cannot be written (${reason}). Name one in a folder that this user may write.`);
  }
}
