import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InvalidArgumentError } from 'commander';
import { messageOf, UserError } from '../measuring/user-error.ts';

const INSTALL_MS_MAX = 300_000;

export interface InstalledNode {
  /** As in `process.versions.node`. */
  readonly version: string;
  /** The folder with the executable `node`: first in PATH, it is the Node.js of all child processes. */
  readonly binFolder: string;
  readonly executable: string;
}

/** A Node.js version for npm: `22`, `22.12` or `22.12.0`. */
export function parseNodeVersion(text: string): string {
  if (!/^\d+(\.\d+){0,2}$/.test(text)) throw new InvalidArgumentError('Give versions of Node.js such as 22 or 22.12.0.');
  return text;
}

/**
 * Installs a Node.js from the npm package `node` into a separate folder, unless it is there.
 * @param cacheFolder holds a folder for each version.
 * @throws {UserError} when npm cannot install it.
 */
export async function installNode(version: string, cacheFolder: string): Promise<InstalledNode> {
  const folder = join(cacheFolder, version);
  const binFolder = join(folder, 'node_modules', '.bin');
  const executable = join(binFolder, 'node');
  if (!existsSync(executable)) {
    mkdirSync(folder, { recursive: true });
    // The install script of the package `node` fetches the executable for this platform.
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ private: true, allowScripts: { node: true } })}\n`);
    const options = { cwd: folder, env: environmentOf(), timeout: INSTALL_MS_MAX };
    try {
      await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', `node@${version}`], options);
    } catch (error) {
      throw new UserError(`Node.js ${version} cannot be installed with npm install node@${version}: ${messageOf(error)}`, { cause: error });
    }
  }
  const { stdout } = await promisify(execFile)(executable, ['--version'], { timeout: INSTALL_MS_MAX });
  return { version: stdout.trim().replace(/^v/, ''), binFolder, executable };
}

/** This process's environment without npm's variables, which would make another npm install into this package. */
export function environmentOf(binFolder?: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_'));
  const environment = Object.fromEntries(kept);
  return binFolder === undefined ? environment : { ...environment, PATH: `${binFolder}:${environment.PATH ?? ''}` };
}
