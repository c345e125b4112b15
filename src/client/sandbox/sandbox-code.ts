import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SandboxCodeMissingError } from './sandbox-errors.ts';

/**
 * @param base the URL of this module, which a CommonJS bundle does not have.
 * @returns the path of the code of the threads of a processor file. It is beside this module: a .js in dist, a .ts among the sources.
 * @throws {SandboxCodeMissingError}
 */
export function sandboxCodePath(base: string | undefined = import.meta.url): string {
  if (base === undefined) throw new SandboxCodeMissingError('a bundle without "import.meta.url" does not have the path of their code');
  const url = new URL(`./sandbox-worker${extname(base)}`, base);
  if (url.protocol !== 'file:') throw new SandboxCodeMissingError(`their code cannot be at ${url.href}, which is not a file`);
  if (!existsSync(url)) throw new SandboxCodeMissingError(`their code, ${fileURLToPath(url)}, does not exist`);
  return fileURLToPath(url);
}
