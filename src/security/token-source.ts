import { readFileSync } from 'node:fs';
import { ConfigError } from '../base/errors.ts';
import { SECRET } from './token-file.ts';

/** The secret of a token, or the path of a file that has it, which is read again for each channel. */
export type TokenSource = string | { readonly file: string };

const REMEDY = 'Give what "jobraft tokens add" printed.';

/** @throws {ConfigError} which never has the secret. */
export function readSecret(source: TokenSource): string {
  if (typeof source === 'string') {
    if (!SECRET.test(source)) throw new ConfigError('token', 'a text that is no token', REMEDY);
    return source;
  }
  if (SECRET.test(source.file)) throw new ConfigError('token.file', 'a token', 'Give the path of a file that has it.');
  let text: string;
  try {
    text = readFileSync(source.file, 'utf8').trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('token.file', source.file, `The file cannot be read (${reason}).`);
  }
  if (!SECRET.test(text)) throw new ConfigError('token.file', source.file, `The file has no token. ${REMEDY}`);
  return text;
}
