import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Removes what the compiler wrote for sources that were renamed or removed since: it only adds, and what still imports such an output, or a test
 * that runs it, would pass. This runs behind the compiler: its record of what is up to date has those sources no longer, so that one that
 * comes back is compiled again.
 */
const OUTPUTS = ['src', 'eval'];
/** It has a build and a record of its own. */
const OTHERS = join('eval', 'peers');
const ENDINGS = /\.(?:d\.ts|js)(?:\.map)?$/;

function removeStale(folder) {
  const output = join('dist', folder);
  if (!existsSync(output) || folder === OTHERS) return;
  let kept = 0;
  for (const entry of readdirSync(output, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeStale(path);
    else if (entry.isFile() && ENDINGS.test(path) && !existsSync(path.replace(ENDINGS, '.ts'))) rmSync(join('dist', path));
    if (existsSync(join('dist', path))) kept += 1;
  }
  if (kept === 0) rmdirSync(output);
}

for (const folder of OUTPUTS) removeStale(folder);
