import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { JobraftError } from '../base/errors.ts';

/** The code that a node's thread runs is not where this module is, or lacks what it imports: most often since a bundler left it out. */
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

/** What a thread is started with: a file, or source text that imports it. */
export interface ThreadCode {
  readonly code: URL | string;
  readonly isSource: boolean;
}

/**
 * What a node's thread runs. A thread that is given a file rejects to start when the process was started with `--input-type`, which every
 * thread inherits; one that is given source text does not preload what `--import` names. So each has its case.
 * @throws {NodeCodeMissingError}
 */
export function nodeThreadCode(): ThreadCode {
  const url = nodeWorkerUrl();
  const isSource = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((argument) => argument.includes('--input-type'));
  return { code: isSource ? `import(${JSON.stringify(url.href)})` : url, isSource };
}

function nodeWorkerUrl(): URL {
  // A bundle in the form of CommonJS has no such URL.
  const base: string | undefined = import.meta.url;
  if (base === undefined) throw new NodeCodeMissingError('a bundle without "import.meta.url" cannot tell where their code is');
  const url = new URL('./node-worker.js', base);
  if (url.protocol !== 'file:') throw new NodeCodeMissingError(`their code cannot be at ${url.href}, which is no file`);
  if (!existsSync(url)) throw new NodeCodeMissingError(`their code, ${fileURLToPath(url)}, does not exist`);
  return url;
}

/** What ended a thread before it could say anything itself. */
export function isCodeMissing(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND');
}
