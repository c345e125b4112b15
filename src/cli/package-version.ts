import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** From `src/cli` or `dist/src/cli` up to the package's folder. */
const FOLDERS_MAX = 4;

/** The version of this package, by its package.json. */
export function packageVersion(): string {
  let folder = import.meta.dirname;
  for (let step = 0; step < FOLDERS_MAX; step += 1) {
    const version = versionIn(folder);
    if (version !== undefined) return version;
    folder = dirname(folder);
  }
  return 'unknown';
}

function versionIn(folder: string): string | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const isOurs = typeof manifest === 'object' && manifest !== null && 'name' in manifest && manifest.name === 'jobraft';
    return isOurs && 'version' in manifest && typeof manifest.version === 'string' ? manifest.version : undefined;
  } catch {
    // Not the package's folder.
    return undefined;
  }
}
