import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ProcessorFileError } from './sandbox-errors.ts';

/** Tried in this order: a path may leave out its extension, as in BullMQ. */
const EXTENSIONS = ['', '.js', '.mjs', '.cjs'];

/** A processor file as its user names it: a path, relative to the working directory, or a file: URL. */
export class ProcessorFile {
  /** Absolute; from the working directory at the time of the constructor. */
  readonly path: string;
  readonly #given: string;

  /** @throws {ProcessorFileError} for a URL that names no file of this machine. Does not check that the file exists. */
  constructor(file: string | URL) {
    this.#given = String(file);
    this.path = pathOf(file);
  }

  /**
   * @returns the file: URL of the file that exists now.
   * @throws {ProcessorFileError} if there is none.
   */
  locate(): string {
    const found = EXTENSIONS.map((extension) => this.path + extension).find(isFile);
    if (found !== undefined) return pathToFileURL(found).href;
    const origin = this.#given === this.path ? '' : ` (given as ${JSON.stringify(this.#given)})`;
    throw new ProcessorFileError(
      this.path,
      `does not exist${origin}`,
      "Paths are relative to the working directory; give an absolute path or a URL, for example new URL('./processor.js', import.meta.url).",
    );
  }
}

function pathOf(file: string | URL): string {
  if (typeof file === 'string' && !file.startsWith('file:')) return resolve(file);
  try {
    return fileURLToPath(file);
  } catch (cause) {
    throw new ProcessorFileError(String(file), 'is not a file of this machine', 'Give a path or a file: URL.', { cause });
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    // Missing, not readable, or no path at all: a file of this name cannot be imported.
    return false;
  }
}
