import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { JobraftError } from '../base/errors.ts';

/** The code of a node's thread is not beside this module, or one of its imports is missing: most often since a bundler omitted it. */
export class NodeCodeMissingError extends JobraftError {
  override readonly code = 'NODE_CODE_MISSING';

  constructor(what: string, options?: { readonly cause?: unknown }) {
    super(
      `The nodes cannot start: ${what}. They run in threads of their own, whose code a bundler does not find. Mark "jobraft" as external in the ` +
        'bundler (esbuild: --external:jobraft; Rollup, Rolldown and Vite: external: ["jobraft"]; webpack: externals), and install it ' +
        'with its dependencies where the bundle runs.',
      options,
    );
  }
}

/** The code that a thread is started with: a file, or source text that imports it. */
export interface ThreadCode {
  readonly code: URL | string;
  readonly isSource: boolean;
}

/** The code of a node's thread. @throws {NodeCodeMissingError} */
export const nodeThreadCode = (): ThreadCode => threadCode('./node-worker.js');

/**
 * The code of a thread. A thread that is started with a file fails when the process was started with `--input-type`, which every
 * thread inherits; one that is started with source text does not preload the modules of `--import`. So each is used in its case.
 * @param file its path from this module. @throws {NodeCodeMissingError}
 */
export function threadCode(file: string): ThreadCode {
  const url = codeUrl(file);
  const isSource = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((argument) => argument.includes('--input-type'));
  return { code: isSource ? `import(${JSON.stringify(url.href)})` : url, isSource };
}

function codeUrl(file: string): URL {
  // A bundle in CommonJS format has no such URL.
  const base: string | undefined = import.meta.url;
  if (base === undefined) throw new NodeCodeMissingError('a bundle without "import.meta.url" does not have the path of their code');
  const url = new URL(file, base);
  if (url.protocol !== 'file:') throw new NodeCodeMissingError(`their code cannot be at ${url.href}, which is no file`);
  if (!existsSync(url)) throw new NodeCodeMissingError(`their code, ${fileURLToPath(url)}, does not exist`);
  return url;
}

/** Whether a thread ended because its code is missing, before it could report an error itself. */
export function isCodeMissing(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND');
}
