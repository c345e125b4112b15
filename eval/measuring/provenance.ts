import { execFileSync } from 'node:child_process';
import { packageRoot } from './package-root.ts';

/** Files that affect the figures; results and plots may be dirty, since the evaluation itself writes them. */
const SOURCES = ['src', 'eval', 'config', 'package.json', 'package-lock.json'];

/** The measured commit, with `+dirty` when its sources were changed; `unknown` outside of a repository. */
export function currentCommit(root: string = packageRoot()): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const commit = git('rev-parse', '--short=10', 'HEAD');
    return git('status', '--porcelain', '--', ...SOURCES) === '' ? commit : `${commit}+dirty`;
  } catch {
    return 'unknown';
  }
}
