import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { UserError } from '../measuring/user-error.ts';
import type { Processes } from './processes.ts';

const INSTALL_MS_MAX = 300_000;

/** A built package. */
export interface Build {
  readonly name: 'old' | 'new';
  /** The folder of its package.json. */
  readonly root: string;
}

/** A commit as git names it: a hash, a tag, a branch, HEAD~2. */
export function parseCommit(text: string): string {
  if (!/^\w[\w./~^@{}-]*$/.test(text)) throw new InvalidArgumentError('Give a commit such as 608fb38, v0.1.0 or HEAD~2.');
  return text;
}

/** @returns the full hash. @throws {UserError} */
export function hashOf(commit: string, root: string): string {
  try {
    const args = ['rev-parse', '--verify', '--quiet', `${commit}^{commit}`];
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch (cause) {
    throw new UserError(`This repository has no commit "${commit}". Fetch it, or name one of git log.`, { cause });
  }
}

/** Whether the build runs nodes as processes: `jobraft serve`. */
export const hasServe = ({ root }: Build): boolean => existsSync(join(root, 'dist/src/cli/commands/serve.js'));

/** Whether processes can share a folder: `openCluster`. */
export const hasSharedFolders = ({ root }: Build): boolean => existsSync(join(root, 'dist/src/cluster/shared/open-cluster.js'));

/** A worktree of this repository with a commit, until it is removed. */
export class Worktree {
  readonly path: string;
  readonly #root: string;

  /** @param path does not exist yet. @throws {UserError} */
  constructor(root: string, hash: string, path: string) {
    this.#root = root;
    this.path = path;
    try {
      execFileSync('git', ['worktree', 'add', '--detach', '--force', path, hash], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (cause) {
      throw new UserError(`git cannot make a worktree of ${hash} in ${path}: ${String(cause)}`, { cause });
    }
  }

  /** Installs its dependencies, or uses those of this package where they are the same, and builds it. @throws {UserError} */
  async build(processes: Processes): Promise<Build> {
    const lockOf = (folder: string): string => readFileSync(join(folder, 'package-lock.json'), 'utf8');
    if (lockOf(this.path) === lockOf(this.#root)) symlinkSync(join(this.#root, 'node_modules'), this.#modules, 'dir');
    else await this.#npm(processes, 'ci', '--no-audit', '--no-fund');
    await this.#npm(processes, 'run', 'build');
    return { name: 'old', root: this.path };
  }

  remove(): void {
    // First the link, so that what it points to cannot be removed with it.
    try {
      unlinkSync(this.#modules);
    } catch {
      // A folder of its own, or none.
    }
    execFileSync('git', ['worktree', 'remove', '--force', this.path], { cwd: this.#root, stdio: 'ignore' });
  }

  get #modules(): string {
    return join(this.path, 'node_modules');
  }

  async #npm(processes: Processes, ...args: readonly string[]): Promise<void> {
    const npm = processes.start(`npm ${args.join(' ')}`, 'npm', args, { cwd: this.path });
    const isInTime = await npm.ended(INSTALL_MS_MAX);
    if (!isInTime || npm.exitCode !== 0) throw new UserError(`The commit cannot be built: ${npm.endText}`);
  }
}
